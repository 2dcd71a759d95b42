"""`python -m edgeyard.hub --site DIR [--exit-with-parent]`: what `edgeyard hub run` does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgeyard.commands.settings import load_settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.hub.active_hub import describe_failure
from edgeyard.hub.run import EXIT_USER, run_hub


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the hub; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edgeyard.hub", description="Run the hub of an Edgeyard site.")
    parser.add_argument("--site", type=Path, default=SiteFolder.default().root, help="the site folder")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    folder = SiteFolder(given.site)
    try:
        settings = load_settings(folder.settings_file)
    except UserError as error:
        print(describe_failure(error), file=sys.stderr)  # noqa: T201
        return EXIT_USER
    return run_hub(folder, settings, exit_with_parent=given.exit_with_parent)


if __name__ == "__main__":
    sys.exit(main())
