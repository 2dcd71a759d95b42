"""Make the pictures of the documentation: every view, light and dark, on a demo site that is really running.

    python tests/screenshots.py [--out docs/images] [--devices 12]

Runs under the screen there is, or starts Xvfb where there is none.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeyard.commands.demo.demo_site import DemoOptions, DemoSite, print_progress
from edgeyard.commands.demo.story import tell_story
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.study import StudyRequest, create_study, run_study
from edgeyard.resource import resource_path

_ROOT = Path(__file__).parents[1]
_SCREEN = "1920x1200x24"


@contextmanager
def screen() -> Iterator[None]:
    """A display to draw on: the present one, or an Xvfb of our own."""
    if os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM"):
        yield
        return
    reader, writer = os.pipe()
    xvfb = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", _SCREEN, "-nolisten", "tcp"], pass_fds=[writer]
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as numbers:
            os.environ["DISPLAY"] = f":{numbers.readline().strip()}"
        yield
    finally:
        os.environ.pop("DISPLAY", None)
        xvfb.terminate()
        xvfb.wait()


def optimize_something(folder: SiteFolder) -> None:
    """Leave a finished study for the Optimize page."""
    request = StudyRequest(
        model=resource_path("demo", "yard-vision-2.onnx"),
        data=resource_path("demo", "evaluation.npz"),
        profiles=("host", "pi5", "x86-vnni"),
        created_at=time.time(),
    )
    run_study(folder, create_study(folder, request).id)


def main() -> int:
    """Tell the demo's story, then photograph the window on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_ROOT / "docs" / "images")
    parser.add_argument("--devices", type=int, default=12)
    options = parser.parse_args()
    with screen(), DemoSite(DemoOptions(devices=options.devices), print_progress) as site:
        tell_story(site)
        optimize_something(site.folder)
        # Some minutes of figures make charts worth looking at.
        time.sleep(60)
        from edgeyard.desktop.app import run_desktop

        assert site.workspace is not None
        return run_desktop(site.folder, site.workspace.settings, screenshot_dir=options.out)


if __name__ == "__main__":
    sys.exit(main())
