"""How the application ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from shiboken6 import Shiboken

from edgeyard.desktop.drag import DraggedVersion, leave_label_on_clipboard, read_version, version_mime

_ROOT = Path(__file__).parents[3]


def test_it_ends_without_a_crash_after_it_was_used(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.desktop.exit_story", str(tmp_path / "site")],
        cwd=_ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_of_a_copied_version_its_label_stays_for_other_programs(qapp: object) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setMimeData(version_mime(DraggedVersion(7, "yard-vision 2")))
    leave_label_on_clipboard()
    assert clipboard.text() == "yard-vision 2"
    assert read_version(clipboard.mimeData()) is None
    assert not Shiboken.createdByPython(clipboard.mimeData())


def test_what_was_copied_as_text_stays_as_it_is(qapp: object) -> None:
    QGuiApplication.clipboard().setText("press-1\npress-2")
    leave_label_on_clipboard()
    assert QGuiApplication.clipboard().text() == "press-1\npress-2"


def test_an_empty_clipboard_holds_no_version(qapp: object) -> None:
    QGuiApplication.clipboard().clear()
    assert read_version(QGuiApplication.clipboard().mimeData()) is None
    leave_label_on_clipboard()
