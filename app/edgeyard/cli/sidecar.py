"""`edgeyard sidecar`: tools that need an environment of their own, or a vendor's program."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeyard.cli.common import add_json_option, print_json, print_line, print_table


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("sidecar", help="tools that convert and train models").add_subparsers(
        required=True, metavar="verb"
    )
    listing = verbs.add_parser("list", help="list them, and what is missing")
    add_json_option(listing)
    listing.set_defaults(run=_list)
    make = verbs.add_parser("make", help="make a sidecar's environment; takes minutes")
    make.add_argument("name", help="such as litert, torch or coreml")
    make.add_argument("--wheelhouse", type=Path, metavar="DIR", help="install from this folder, without a network")
    make.set_defaults(run=_make)
    remove = verbs.add_parser("remove", help="remove a sidecar's environment")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)


def _list(options: argparse.Namespace) -> int:
    from edgeyard.optimize.sidecar.catalog import SIDECARS, sidecar_obstacle

    rows = [(each.name, each.title, sidecar_obstacle(each.name) or "ready", each.text) for each in SIDECARS.values()]
    if options.json:
        keys = ("name", "title", "state", "text")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return 0
    print_table(("name", "tool", "state"), [row[:3] for row in rows])
    return 0


def _make(options: argparse.Namespace) -> int:
    from edgeyard.optimize.sidecar.environment import make_environment

    make_environment(options.name, options.wheelhouse, on_progress=print_line)
    print_line(f"{options.name} is ready.")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from edgeyard.optimize.sidecar.environment import remove_environment

    found = remove_environment(options.name)
    print_line(f"{options.name} is removed." if found else f"There was no environment of {options.name}.")
    return 0
