"""Runs the drag scenarios in a process of their own, on platforms that have drags (`offscreen` has none)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import require

_SCENARIOS = Path(__file__).with_name("drag_scenario.py")
_ROOT = Path(__file__).parents[3]


def _run_scenarios(platform: str, **environment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "90", str(_SCENARIOS)],
        cwd=_ROOT,
        env={**os.environ, **environment, "QT_QPA_PLATFORM": platform},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


@contextmanager
def _x_server() -> Iterator[str]:
    """A virtual X server of our own; yields its display."""
    server = subprocess.Popen(
        [str(require("xvfb")), "-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f":{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


def test_drags_work_without_any_display() -> None:
    _run_scenarios("minimal")


def test_drags_work_under_x11() -> None:
    with _x_server() as display:
        _run_scenarios("xcb", DISPLAY=display)
