"""`edgeyard demo`: a whole site of real parts on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeyard.domain.error import UserError

_MAX_DEVICES = 200


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun."""
    parser = nouns.add_parser("demo", help="hub, broker, devices and models on this machine, in a folder of its own")
    parser.add_argument("--devices", type=int, default=12, help="agent processes (default: 12)")
    parser.add_argument("--headless", action="store_true", help="no window: tell both stories and end")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object (with --headless)")
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder")
    parser.add_argument("--folder", type=Path, help="where to put the demo (default: a temporary folder)")
    parser.add_argument("--broker", default="auto", help="auto, embedded, mosquitto or mqtts://host:port")
    parser.add_argument("--database", default="", help="postgresql+psycopg://… (default: SQLite)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from edgeyard.commands.demo.demo_site import DemoOptions
    from edgeyard.commands.demo.show import show_demo, tell_demo

    if not 1 <= options.devices <= _MAX_DEVICES:
        raise UserError(f"{options.devices} devices cannot be started.", f"Give a number from 1 to {_MAX_DEVICES}.")
    demo = DemoOptions(options.devices, options.broker, options.database, options.keep, options.folder)
    return tell_demo(demo, as_json=options.json) if options.headless else show_demo(demo)
