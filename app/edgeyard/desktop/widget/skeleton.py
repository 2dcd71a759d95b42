"""The bones of a view that is still loading: drawn after 200 ms, so that quick things never flicker."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from edgeyard.desktop.look import theme

_AFTER_MS = 200
_ROW = 28
_WIDTHS = (0.12, 0.2, 0.28, 0.16, 0.1)


class Skeleton(QWidget):
    """Grey bars where rows will be. Does not move."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(f"{name}: loading")
        self._ripe = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._on_ripe)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ripe = False
        self._timer.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if not self._ripe:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("band"))
        for top in range(0, self.height() - _ROW, _ROW):
            left = 8.0
            for number, share in enumerate(_WIDTHS):
                width = share * self.width() * (0.7 + 0.3 * ((top // _ROW + number) % 3) / 2)
                painter.drawRoundedRect(QRectF(left, top + 9, width, 10), 3, 3)
                left += share * self.width() + 16

    def _on_ripe(self) -> None:
        self._ripe = True
        self.update()
