"""What went wrong, beside what caused it: a shape, what happened, what to do."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.widget.basic import column, label
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.error import UserError


class TroubleLine(QFrame):
    """Takes no room while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self._what = label(wrap=True)
        self._todo = label(role="quiet", wrap=True)
        self.setLayout(column(self._what, self._todo, spacing=2, margins=(36, 8, 12, 8)))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    def text(self) -> str:
        """All that is said now; nothing when it is hidden."""
        return f"{self._what.text()} {self._todo.text()}".strip()

    def show_error(self, error: UserError) -> None:
        """Say it, until `clear`."""
        self.say(error.what, error.todo)

    def say(self, what: str, todo: str = "") -> None:
        """Say what, and what to do; an empty `what` clears."""
        self._what.setText(what)
        self._todo.setText(todo)
        self._todo.setVisible(bool(todo))
        self.setAccessibleName(self.text())
        self.setVisible(bool(what))
        self.updateGeometry()

    def clear(self) -> None:
        """Nothing is wrong (any more)."""
        self.say("")

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("attention"))
        painter.setBrush(theme.colour("attention_ground"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        StatusShape.paint(painter, QRectF(12, 9, 16, 16), DeviceStatus.ATTENTION)
        painter.end()
