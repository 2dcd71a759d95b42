"""The `edgeyard` command: without arguments the desktop, else one noun and its verbs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeyard import __version__
from edgeyard.cli import agent, demo, desktop, device, group, hub, lab, model, operator, optimize, rollout, sidecar
from edgeyard.domain.error import UserError

_NOUNS = (demo, desktop, hub, operator, agent, device, group, model, optimize, lab, rollout, sidecar)

BAD_USE = 2
"""Exit code for anything the person can correct."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; each noun's module adds its own part."""
    parser = argparse.ArgumentParser(
        prog="edgeyard", description="Run a fleet of edge-AI devices: optimize, sign, roll out, watch, undo."
    )
    parser.add_argument("--version", action="version", version=f"edgeyard {__version__}")
    parser.add_argument("--site", type=Path, help="site folder (default: in the user's data directory)")
    parser.set_defaults(run=desktop.run)
    nouns = parser.add_subparsers(metavar="command")
    for noun in _NOUNS:
        noun.add_parser(nouns)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a `UserError` becomes one line that says what to do, and exit code 2."""
    options = build_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"edgeyard: {error.what} {error.todo}\n")
        return BAD_USE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output, such as `head`, has had enough. The last flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
