"""`edgeyard` or `edgeyard desktop`: the window."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import add_site_option, site_folder
from edgeyard.domain.error import UserError


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun."""
    parser = nouns.add_parser("desktop", help="open the window (also without any command)")
    add_site_option(parser)
    parser.add_argument("--tour", action="store_true", help="show the short tour")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Open the window on the site."""
    from edgeyard.commands.settings import load_settings

    try:
        from edgeyard.desktop.app import run_desktop
    except ImportError as error:
        if error.name and not error.name.startswith("PySide6"):
            raise
        raise UserError(
            f"The desktop cannot start: {error}.",
            "Install it with: pip install 'edgeyard[desktop]'; on Debian also: "
            "apt install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1.",
        ) from error

    folder = site_folder(options)
    return run_desktop(folder, load_settings(folder.settings_file), tour=getattr(options, "tour", False))
