"""The panel on the right of a work page: a head with a title and a way out, and the content under it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from edgeyard.desktop.look.font import LARGE, SEMIBOLD, SMALL
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.widget.basic import ElidedLabel, column, row, tool_button
from edgeyard.domain.device import DeviceStatus


class StatusMark(QWidget):
    """A status as a shape of 20 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._status = DeviceStatus.UNKNOWN
        self.setFixedSize(20, 20)

    def show_status(self, status: DeviceStatus, words: str) -> None:
        """Take over the status."""
        self.setAccessibleName(words)
        self.setToolTip(words)
        if status is not self._status:
            self._status = status
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        StatusShape.paint(QPainter(self), QRectF(1, 1, 18, 18), self._status)


class DetailsPanel(QFrame):
    """Closed with its button or with Esc (the page's `close_details`)."""

    closed = Signal()

    def __init__(self, content: QWidget, *buttons: QWidget, name: str) -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setAccessibleName(name)
        self.mark = StatusMark()
        self.title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self.under = ElidedLabel("", SMALL, "quiet")
        close = tool_button("x", "Close the details (Esc)", self.closed.emit)
        words = column(self.title, self.under, spacing=1)
        head = row(self.mark, 8, words, 8, *buttons, close, margins=(12, 8, 8, 8))
        head.setStretchFactor(words, 1)
        head.setAlignment(self.mark, Qt.AlignmentFlag.AlignTop)
        layout = column(head, content, margins=(1, 1, 1, 1))
        layout.setStretch(1, 1)
        self.setLayout(layout)
