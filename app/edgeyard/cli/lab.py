"""`edgeyard lab`: have devices measure variants for real, and demand that of releases."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import add_json_option, add_site_option, open_workspace, print_json, print_line, print_table
from edgeyard.domain.error import UserError


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("lab", help="measure variants on lab devices").add_subparsers(
        required=True, metavar="verb"
    )
    run = verbs.add_parser("run", help="have lab devices measure a version's variants beside the original")
    run.add_argument("version", help="model and version, such as yard-vision:2")
    run.add_argument("--device", action="append", required=True, help="a lab device; may be given again")
    run.add_argument("--variant", action="append", default=[], help="measure only this one; may be given again")
    run.add_argument("--repetitions", type=int, default=7, help="1 to 50; six or more give an interval (default: 7)")
    run.add_argument("--settle", type=float, default=120.0, metavar="SECONDS", help="longest wait for the temperature")
    add_site_option(run)
    run.set_defaults(run=_run)
    listing = verbs.add_parser("list", help="list lab runs")
    add_site_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", help="what a lab run measured")
    show.add_argument("number", type=int)
    add_site_option(show)
    add_json_option(show)
    show.set_defaults(run=_show)
    cancel = verbs.add_parser("cancel", help="take back a lab run that is not finished")
    cancel.add_argument("number", type=int)
    add_site_option(cancel)
    cancel.set_defaults(run=_cancel)
    choose = verbs.add_parser("choose", help="choose a version's variants again by what lab devices measured")
    choose.add_argument("version", help="model and version, such as yard-vision:2")
    add_site_option(choose)
    choose.set_defaults(run=_choose)
    demand = verbs.add_parser("demand", help="let a model be signed only with lab evidence for a kind of hardware")
    demand.add_argument("model")
    demand.add_argument("profile")
    demand.add_argument("--off", action="store_true", help="demand it no more")
    add_site_option(demand)
    demand.set_defaults(run=_demand)


def _run(options: argparse.Namespace) -> int:
    from edgeyard.cli.unlock import ask_unlock
    from edgeyard.commands.lab_command import LabSettings, start_lab_run
    from edgeyard.commands.model_command import find_version

    if not (1 <= options.repetitions <= 50 and 0 <= options.settle <= 1800):
        raise UserError("The lab run cannot be ordered so.", "Give 1 to 50 repetitions and 0 to 1800 seconds.")
    with open_workspace(options) as workspace:
        runs = start_lab_run(
            workspace,
            find_version(workspace, options.version),
            options.device,
            ask_unlock(workspace),
            variants=options.variant,
            settings=LabSettings(options.repetitions, options.settle),
            on_text=print_line,
        )
    for number in runs:
        print_line(f"Lab run {number} is ordered. See what it measures: edgeyard lab show {number}")
    return 0


def _list(options: argparse.Namespace) -> int:
    from edgeyard.store.lab import list_lab_runs

    with open_workspace(options) as workspace, workspace.database.read() as connection:
        runs = list_lab_runs(connection)
    if options.json:
        print_json([_run_fields(run) for run in runs])
        return 0
    print_table(
        ("run", "device", "version", "candidates", "state", "why"),
        [(str(r.id), r.device_id, r.order.title, str(len(r.order.candidates)), r.state, r.reason) for r in runs],
    )
    return 0


def _show(options: argparse.Namespace) -> int:
    from edgeyard.store.lab import get_lab_run, lab_results

    with open_workspace(options) as workspace, workspace.database.read() as connection:
        run = get_lab_run(connection, options.number)
        results = lab_results(connection, run_id=options.number)
    if run is None:
        raise UserError(f"There is no lab run {options.number}.", "List them with: edgeyard lab list")
    if options.json:
        print_json({**_run_fields(run), "results": results})
        return 0
    print_line(f"Lab run {run.id} of {run.order.title} on {run.device_id}: {run.state}. {run.reason}".rstrip())
    if run.state == "waiting":
        print_line("The device asks for it on its own. If it does not, check that its agent was started with --lab.")
    print_table(
        ("variant", "result"),
        [(result.name, result.figures.sentence if result.figures else result.reason) for result in results],
    )
    return 0


def _run_fields(run: object) -> dict[str, object]:
    import msgspec

    fields: dict[str, object] = msgspec.to_builtins(run)
    fields["title"] = fields.pop("order")["title"]  # type: ignore[index]
    return fields


def _cancel(options: argparse.Namespace) -> int:
    from edgeyard.commands.lab_command import cancel_run

    with open_workspace(options) as workspace:
        cancel_run(workspace, options.number)
    print_line(f"Lab run {options.number} is cancelled.")
    return 0


def _choose(options: argparse.Namespace) -> int:
    from edgeyard.commands.lab_choice import choose_from_lab
    from edgeyard.commands.model_command import find_version

    with open_workspace(options) as workspace:
        choices = choose_from_lab(workspace, find_version(workspace, options.version))
    for choice in choices:
        print_line(f"{choice.profile}: {choice.picked or 'none'}. {choice.reasons.get(choice.picked, '')}".rstrip())
    return 0


def _demand(options: argparse.Namespace) -> int:
    from edgeyard.commands.lab_command import demand_evidence

    with open_workspace(options) as workspace:
        demand_evidence(workspace, options.model, options.profile, demanded=not options.off)
    if options.off:
        print_line(f"{options.model} may be signed for {options.profile} without lab evidence.")
    else:
        print_line(f"{options.model} is signed for {options.profile} only with evidence of a lab device from now on.")
    return 0
