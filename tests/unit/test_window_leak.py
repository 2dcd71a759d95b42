"""Windows that a test leaves behind are seen and ended."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget

from tests.window_leak import end_windows


def test_windows_that_belong_to_nobody_are_named_and_ended(qapp: object) -> None:
    kept = [QMenu(), QMenu(), QLabel()]
    assert end_windows() == "1 QLabel, 2 QMenu"
    assert QApplication.topLevelWidgets() == []
    assert len(kept) == 3


def test_what_ended_or_belongs_to_a_window_that_ended_is_no_leak(qapp: object) -> None:
    window = QWidget()
    QMenu(window)
    window.deleteLater()
    assert end_windows() == ""


def test_what_only_a_circle_of_references_holds_is_no_leak(qapp: object) -> None:
    window = QWidget()
    window.itself = window  # type: ignore[attr-defined]
    del window
    assert end_windows() == ""
