"""`edgeyard rollout`: plan, start, watch, pause, resume, abort, undo."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edgeyard.cli.common import (
    add_json_option,
    add_site_option,
    duration_s,
    open_workspace,
    print_json,
    print_line,
    print_table,
)
from edgeyard.domain.error import UserError
from edgeyard.domain.quantity import count
from edgeyard.domain.rollout import RolloutAct, RolloutPolicy, WaveState

if TYPE_CHECKING:
    from edgeyard.commands.rollout_command import PreparedRollout
    from edgeyard.commands.workspace import Workspace


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("rollout", help="staged rollouts").add_subparsers(required=True, metavar="verb")
    for name, text, function in (
        ("plan", "show what a rollout would do", _plan),
        ("start", "sign the version if needed, and start", _start),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("version", help="model and version, such as yard-vision:2")
        verb.add_argument("group")
        verb.add_argument("--waves", default="10,50,100", help="cumulative percentages (default: 10,50,100)")
        verb.add_argument("--soak", type=duration_s, default=60.0, metavar="SECONDS")
        add_site_option(verb)
        add_json_option(verb)
        verb.set_defaults(run=function)
    listing = verbs.add_parser("list", help="list rollouts")
    add_site_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", help="one rollout with its waves and devices")
    show.add_argument("rollout", type=int)
    add_site_option(show)
    show.set_defaults(run=_show)
    for act in RolloutAct:
        verb = verbs.add_parser(act.value, help=f"{act.value} a rollout")
        verb.add_argument("rollout", type=int)
        add_site_option(verb)
        verb.set_defaults(run=_act, act=act)


def _policy(options: argparse.Namespace) -> RolloutPolicy:
    try:
        percents = tuple(int(text) for text in options.waves.split(","))
    except ValueError as error:
        raise UserError(f"The waves {options.waves!r} cannot be read.", "Write them as 10,50,100.") from error
    return RolloutPolicy(wave_percents=percents, soak_s=options.soak)


def _prepare(workspace: Workspace, options: argparse.Namespace) -> PreparedRollout:
    from edgeyard.commands.model_command import find_version
    from edgeyard.commands.rollout_command import prepare_rollout

    version = find_version(workspace, options.version)
    return prepare_rollout(workspace, version.id, options.group, _policy(options))


def _plan(options: argparse.Namespace) -> int:
    with open_workspace(options) as workspace:
        prepared = _prepare(workspace, options)
    if options.json:
        print_json(prepared)
        return 0
    plan = prepared.plan
    print_line(f"{plan.version.label} to {prepared.group}: {plan.summary}, {plan.bytes:,} bytes.")
    rows = [(p.hardware_profile, p.devices, p.variant.name if p.variant else "none", p.reason) for p in plan.profiles]
    print_table(("hardware", "devices", "variant", "reason"), rows)
    for wave in prepared.forecast:
        print_line(
            f"Wave {wave.index + 1}: {count(wave.devices, 'device')}, {wave.exposed} exposed so far, "
            f"{wave.bytes:,} bytes."
        )
    for exclusion in plan.excluded:
        print_line(f"Excluded: {exclusion.device_id}: {exclusion.reason}")
    return 0


def _start(options: argparse.Namespace) -> int:
    from edgeyard.cli.unlock import ask_unlock
    from edgeyard.commands.release_signing import sign_version
    from edgeyard.commands.rollout_command import start_rollout

    with open_workspace(options) as workspace:
        prepared = _prepare(workspace, options)
        if prepared.plan.version.stage != "released":
            sign_version(workspace, prepared.plan.version.id, ask_unlock(workspace))
        rollout_id = start_rollout(workspace, prepared)
    if options.json:
        print_json({"rollout": rollout_id})
    else:
        print_line(f"Rollout {rollout_id} started. Watch it with: edgeyard rollout show {rollout_id}")
    return 0


def _list(options: argparse.Namespace) -> int:
    from edgeyard.store.rollout import list_rollouts

    with open_workspace(options) as workspace, workspace.database.read() as connection:
        found = list_rollouts(connection, 100)
    if options.json:
        print_json(found)
    else:
        rows = [(r.id, f"{r.model} {r.version}", r.group, r.state, r.reason) for r in (s.rollout for s in found)]
        print_table(("rollout", "version", "group", "state", "reason"), rows)
    return 0


def _show(options: argparse.Namespace) -> int:
    from edgeyard.domain.controller import ACTIVE_STATES
    from edgeyard.store.rollout import get_rollout

    with open_workspace(options) as workspace, workspace.database.read() as connection:
        found = get_rollout(connection, options.rollout)
    print_line(
        f"Rollout {found.id}: {found.model} {found.version} to {found.group}: {found.state}. {found.reason}".strip()
    )
    for wave in found.waves:
        word = _wave_word(wave.state, ended=found.state not in ACTIVE_STATES)
        print_line(f"Wave {wave.index + 1}: {word}, {count(wave.devices, 'device')}. {wave.reason}".rstrip())
        for finding in wave.findings:
            print_line(f"  {finding.verdict}: {finding.sentence}")
    rows = [(e.device_id, e.wave + 1, "back" if e.undo else "out", e.state, e.reason) for e in found.executions]
    print_table(("device", "wave", "way", "state", "reason"), rows)
    return 0


def _wave_word(state: WaveState, *, ended: bool) -> str:
    """A wave of a rollout that has ended is not under way any more, and will not start."""
    if ended and state is WaveState.PENDING:
        return "never started"
    if ended and state in {WaveState.RUNNING, WaveState.SOAKING}:
        return "stopped"
    return state.value


def _act(options: argparse.Namespace) -> int:
    from edgeyard.commands.rollout_command import request_act

    with open_workspace(options) as workspace:
        request_act(workspace, options.rollout, options.act)
    return 0
