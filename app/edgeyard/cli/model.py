"""`edgeyard model`: import, inspect, optimize, sign, list, delete."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.cli import model_inspect
from edgeyard.cli.common import (
    add_json_option,
    add_site_option,
    open_workspace,
    print_json,
    print_line,
    print_table,
)

if TYPE_CHECKING:
    from edgeyard.domain.model import Variant


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("model", help="models, versions, variants").add_subparsers(required=True, metavar="verb")
    model_inspect.add_parser(verbs)
    taking = verbs.add_parser("import", help="take in a trained model as a new version")
    taking.add_argument("file", type=Path)
    taking.add_argument("name", help="model name, such as yard-vision")
    taking.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with the three sets, or labelled data: NPZ file, class folders, or CSV",
    )
    taking.add_argument("--note", default="")
    add_site_option(taking)
    taking.set_defaults(run=_import)
    for name, text, function in (
        ("optimize", "make and prove variants", _optimize),
        ("sign", "sign a version's variants into the release", _sign),
        ("delete", "delete a version that was not released", _delete),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("version", help="model and version, such as yard-vision:2")
        add_site_option(verb)
        verb.set_defaults(run=function)
    listing = verbs.add_parser("list", help="list versions and their variants")
    add_site_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)


def _import(options: argparse.Namespace) -> int:
    from edgeyard.commands.model_command import import_model
    from edgeyard.store.model import get_version

    with open_workspace(options) as workspace:
        version_id = import_model(
            workspace, options.file.absolute(), options.name, options.data.absolute(), note=options.note
        )
        with workspace.database.read() as connection:
            version = get_version(connection, version_id)
    number = version.version if version else ""
    print_line(f"Imported as {options.name} {number}. Next: edgeyard model optimize {options.name}:{number}")
    return 0


def _optimize(options: argparse.Namespace) -> int:
    from edgeyard.commands.model_command import find_version, optimize_version

    with open_workspace(options) as workspace:
        result = optimize_version(workspace, find_version(workspace, options.version).id)
    for made in result.candidates:
        for profile in made.profiles:
            print_line(f"{profile}: {made.name}. {made.reasons.get(profile, '')}")
    for rejected in result.rejected:
        print_line(f"Left out: {rejected.name}: {rejected.reason}")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from edgeyard.cli.unlock import ask_unlock
    from edgeyard.commands.model_command import find_version
    from edgeyard.commands.release_signing import sign_version

    with open_workspace(options) as workspace:
        version = find_version(workspace, options.version)
        sign_version(workspace, version.id, ask_unlock(workspace), print_line)
    print_line(f"{version.label} is signed. Next: edgeyard rollout plan {options.version} GROUP")
    return 0


def _delete(options: argparse.Namespace) -> int:
    from edgeyard.commands.model_command import delete_version, find_version

    with open_workspace(options) as workspace:
        delete_version(workspace, find_version(workspace, options.version).id)
    return 0


def _list(options: argparse.Namespace) -> int:
    from edgeyard.store.model import list_models

    with open_workspace(options) as workspace, workspace.database.read() as connection:
        found = list_models(connection)
    if options.json:
        print_json(found)
        return 0
    rows = [
        (version.label, version.stage, *_variant_cells(made))
        for summary in found
        for version in summary.versions
        for made in version.variants or (None,)
    ]
    print_table(("version", "stage", "variant", "bytes", "accuracy"), rows)
    return 0


def _variant_cells(made: Variant | None) -> tuple[str, str, str]:
    """A version that was only imported has no variant yet, and must not be missing from the list for that."""
    if made is None:
        return "none yet", "", ""
    return made.name, f"{made.size_bytes:,}", _share(made.evidence.accuracy)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
