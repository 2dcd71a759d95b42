"""A drag with real mouse events: pressed, moved and released through the window system, as a mouse would.

`QDrag.exec` runs an event loop of its own until the button is released. The moves, looks and the release are therefore
queued as timed steps before the press. Events are given to the native window (`QWindowSystemInterface` under `QTest`),
so that Qt itself finds the widget under the pointer, sends it enter, move and drop, and carries the MIME data.
The `offscreen` platform has no drags at all; `minimal` and `xcb` do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QCursor, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

STEP_MS = 40
PATIENCE_S = 15.0
_PULL = QPoint(12, 6)


class MouseDrag:
    """Collects steps; `start` presses and returns when all of them were done."""

    def __init__(self, window: QWidget) -> None:
        handle = window.windowHandle()
        assert handle is not None
        self._window = window
        self._handle: QWindow = handle
        self._steps: list[Callable[[], None]] = []
        self._at = QPoint()
        self._give_up_at = 0.0
        self._trouble: list[BaseException] = []
        self.looks: list[str] = []

    def move_to(self, place: Callable[[], QPoint]) -> MouseDrag:
        """Move the pointer to a place in window coordinates, worked out when it is time."""
        self._steps.append(lambda: self._move(place()))
        return self

    def wait_for(self, condition: Callable[[], bool]) -> MouseDrag:
        """Hold still until `condition` holds."""

        def step() -> None:
            if condition():
                return
            assert time.monotonic() < self._give_up_at, "the drag waited in vain"
            self._steps.insert(0, step)

        self._steps.append(step)
        return self

    def look(self, what: Callable[[], str]) -> MouseDrag:
        """Write down what can be seen now."""
        self._steps.append(lambda: self.looks.append(what()))
        return self

    def release(self) -> MouseDrag:
        """Let go."""
        self._steps.append(self._release)
        return self

    def press_escape(self) -> MouseDrag:
        """Give up the drag by key."""
        self._steps.append(lambda: QTest.keyClick(self._handle, Qt.Key.Key_Escape))
        return self

    def start(self, widget: QWidget, at: QPoint) -> None:
        """Press on `widget` and pull; the steps then run, inside the drag's own loop as long as it lasts."""
        self._at = widget.mapTo(self._window, at)
        self._give_up_at = time.monotonic() + PATIENCE_S
        done = QEventLoop()
        QTimer.singleShot(STEP_MS, lambda: self._next(done))
        QTest.mousePress(self._handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, self._at)
        self._move(self._at + _PULL)
        self._move(self._at + _PULL)
        if self._steps:
            done.exec()
        if self._trouble:
            raise self._trouble[0]

    def _next(self, done: QEventLoop) -> None:
        if not self._steps:
            done.quit()
            return
        step = self._steps.pop(0)
        try:
            step()
        except BaseException as error:
            self._trouble.append(error)
            self._steps = [self._release]
        QTimer.singleShot(STEP_MS, lambda: self._next(done))

    def _move(self, place: QPoint) -> None:
        self._at = place
        QCursor.setPos(self._window.mapToGlobal(place))
        QTest.mouseMove(self._handle, place)

    def _release(self) -> None:
        QTest.mouseRelease(self._handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, self._at)
