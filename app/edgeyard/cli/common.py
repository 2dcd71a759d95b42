"""What several nouns share: opening the site, printing tables and JSON.

Nouns import what they work with inside their functions: a device has neither database nor Qt installed, and an agent
should not wait for either.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.commands.site_folder import SiteFolder
    from edgeyard.commands.workspace import Workspace

_TEN_YEARS_S = 10 * 365 * 86_400.0


def site_folder(options: argparse.Namespace) -> SiteFolder:
    """The site folder that the command line names, or the default one."""
    from edgeyard.commands.site_folder import SiteFolder

    path: Path | None = options.site
    return SiteFolder(path.expanduser().absolute()) if path else SiteFolder.default()


@contextmanager
def open_workspace(options: argparse.Namespace) -> Iterator[Workspace]:
    """The open site of this command, closed at the end. A site is made by its hub, never by asking for one here."""
    from edgeyard.commands.settings import load_settings
    from edgeyard.commands.workspace import Workspace

    folder = site_folder(options)
    settings = load_settings(folder.settings_file)
    if not settings.database_url and not folder.database_file.exists():
        raise UserError(
            f"There is no site in {folder.root} yet.",
            f"Start its hub once: edgeyard hub run --site {folder.root}. Or name the right folder with --site.",
        )
    workspace = Workspace.open(folder, settings)
    try:
        yield workspace
    finally:
        workspace.close()


def add_site_option(parser: argparse.ArgumentParser) -> None:
    """`--site` also after the noun; suppressed as default so that one given before the noun stays."""
    parser.add_argument("--site", type=Path, default=argparse.SUPPRESS, help="site folder")


def count_of_at_least_one(text: str) -> int:
    """An argument that is a whole number from 1 up."""
    if not text.isdecimal() or not 1 <= int(text[:10]) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return int(text)


def duration_s(text: str) -> float:
    """An argument that is a number of seconds from 0 up, at most ten years."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= _TEN_YEARS_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 up")
    return value


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`: one JSON document on standard output instead of a table."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table with aligned columns on standard output."""
    cells = [list(titles), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def print_line(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")
