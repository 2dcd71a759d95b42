"""`edgeyard agent`: join a site and run on a device. Imports nothing that a device does not have installed."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeyard.domain.error import UserError


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("agent", help="the process on a device").add_subparsers(required=True, metavar="verb")
    join = verbs.add_parser("join", help="join a site with a one-time token")
    _add_identity(join, required=True)
    join.set_defaults(run=_join)
    run = verbs.add_parser("run", help="run the agent; joins first when a token is given and it has not joined")
    _add_identity(run, required=False)
    run.add_argument("--input", type=Path, help="samples to run the model on: an NPZ file with `x`")
    run.add_argument("--rate", type=float, default=2.0, metavar="HZ", help="inferences a second")
    run.add_argument("--report-every", type=float, default=60.0, metavar="SECONDS")
    run.add_argument("--live-every", type=float, default=5.0, metavar="SECONDS")
    run.add_argument("--poll-every", type=float, default=30.0, metavar="SECONDS", help="ask the hub for assignments")
    run.add_argument("--lab", action="store_true", help="also measure models that approvers sign for this device's lab")
    run.add_argument("--exit-with-parent", action="store_true", help="end when standard input is closed")
    run.set_defaults(run=_run)


def _add_identity(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--state", type=Path, required=True, help="state folder of this device")
    parser.add_argument("--token", required=required, default="", help="one-time join token (ejt1.…)")
    parser.add_argument("--id", required=required, default="", help="device id, such as press-line-07")
    parser.add_argument("--profile", required=required, default="", help="hardware profile, such as pi5")
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE")


def _labels(options: argparse.Namespace) -> dict[str, str]:
    labels = {}
    for text in options.label:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UserError(f"The label {text!r} cannot be used.", "Write it as key=value, such as line=3.")
        labels[key] = value
    return labels


def _join(options: argparse.Namespace) -> int:
    from edgeyard.agent.join import join_site

    join_site(options.token, options.state, options.id, options.profile, _labels(options))
    return 0


def _run(options: argparse.Namespace) -> int:
    from edgeyard.agent.join import has_identity, join_site
    from edgeyard.agent.run import AgentOptions, run_agent

    if options.token and not has_identity(options.state):
        join_site(options.token, options.state, options.id, options.profile, _labels(options))
    agent_options = AgentOptions(
        input_path=options.input,
        rate_hz=options.rate,
        report_every_s=options.report_every,
        live_every_s=options.live_every,
        poll_every_s=options.poll_every,
        lab=options.lab,
    )
    return run_agent(options.state, exit_with_parent=options.exit_with_parent, options=agent_options)
