"""What several nouns share: opening the site, printing tables and JSON.

Nouns import what they work with inside their functions: a device has neither database nor Qt installed, and an agent
should not wait for either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from edgeyard.commands.site_folder import SiteFolder
    from edgeyard.commands.workspace import Workspace


def site_folder(options: argparse.Namespace) -> SiteFolder:
    """The site folder that the command line names, or the default one."""
    from edgeyard.commands.site_folder import SiteFolder

    path: Path | None = options.site
    return SiteFolder(path.expanduser().absolute()) if path else SiteFolder.default()


@contextmanager
def open_workspace(options: argparse.Namespace) -> Iterator[Workspace]:
    """The open site of this command, closed at the end."""
    from edgeyard.commands.settings import load_settings
    from edgeyard.commands.workspace import Workspace

    folder = site_folder(options)
    workspace = Workspace.open(folder, load_settings(folder.settings_file))
    try:
        yield workspace
    finally:
        workspace.close()


def add_site_option(parser: argparse.ArgumentParser) -> None:
    """`--site` also after the noun; suppressed as default so that one given before the noun stays."""
    parser.add_argument("--site", type=Path, default=argparse.SUPPRESS, help="site folder")


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
