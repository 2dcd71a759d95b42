"""A button that must be held for a moment, for what reaches production."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QPushButton

from edgeyard.desktop.look import theme

HOLD_MS = 1000
_FRAME_MS = 16
_HOLD_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class HoldButton(QPushButton):
    """Emits `confirmed` on a click, or with `hold` after it was held for one second by mouse, touch or keyboard."""

    confirmed = Signal()
    released_early = Signal()
    """It was let go too soon: the place to say that it must be held."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setProperty("primary", "true")
        self.setAutoDefault(False)
        self.hold = False
        self._since = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)
        self._done = False

    def progress(self) -> float:
        """How much of the second has passed, 0 to 1; 0 when it is not held."""
        if not self._timer.isActive():
            return 0.0
        return min(1.0, self._since.elapsed() / HOLD_MS)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._begin()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        inside = self.rect().contains(event.position().toPoint())
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._end(inside=inside)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._timer.isActive() and not self.rect().contains(event.position().toPoint()):
            self._end(inside=False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in _HOLD_KEYS:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(True)
            self._begin()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() not in _HOLD_KEYS:
            super().keyReleaseEvent(event)
        elif not event.isAutoRepeat():
            self.setDown(False)
            self._end(inside=True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._stop()
        super().focusOutEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.EnabledChange and not self.isEnabled():
            self._stop()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        share = self.progress()
        if share:
            self._paint_progress(share)

    def _begin(self) -> None:
        self._done = False
        if self.hold and self.isEnabled():
            self._since.start()
            self._timer.start()

    def _end(self, *, inside: bool) -> None:
        if not self.hold:
            if inside and self.isEnabled():
                self.confirmed.emit()
            return
        if self._timer.isActive():
            self._stop()
            self.released_early.emit()

    def _stop(self) -> None:
        self._timer.stop()
        self.update()

    def _on_tick(self) -> None:
        if self._since.elapsed() < HOLD_MS:
            self.update()
            return
        self._stop()
        if not self._done:
            self._done = True
            self.setDown(False)
            self.confirmed.emit()

    def _paint_progress(self, share: float) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(outline)
        shade = theme.colour("on_accent")
        shade.setAlpha(70)
        width = self.width() * share
        left = self.width() - width if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else 0
        painter.fillRect(QRectF(left, 0, width, self.height()), shade)
        painter.end()
