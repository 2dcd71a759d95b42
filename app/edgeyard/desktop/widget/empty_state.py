"""A view with nothing in it yet: says why, what it is for, and offers the first step."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, LARGE, SEMIBOLD
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.widget.basic import column, label, row

_WIDTH = 420


class _Picture(QWidget):
    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = icon
        self.setFixedSize(40, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.drawPixmap(4, 4, icon_pixmap(self._icon, theme.current().quiet, 32, self.devicePixelRatioF()))


class EmptyState(QFrame):
    """Put it where the content would be."""

    def __init__(self, icon: str, title: str, text: str, *buttons: QWidget) -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self._title = label(title, LARGE, weight=SEMIBOLD, wrap=True)
        self._text = label(text, BASE, "quiet", wrap=True)
        body = QWidget()
        body.setMaximumWidth(_WIDTH)
        step = row(*buttons, None, spacing=8) if buttons else row(None)
        body.setLayout(column(_Picture(icon), 4, self._title, self._text, 8, step, spacing=4))
        middle = row(None, body, None)
        middle.setAlignment(body, Qt.AlignmentFlag.AlignCenter)
        outer = column(None, middle, None, margins=(24, 24, 24, 24))
        outer.setStretch(0, 2)
        outer.setStretch(2, 3)
        self.setLayout(outer)

    def say(self, title: str, text: str) -> None:
        """Change the words."""
        self._title.setText(title)
        self._text.setText(text)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
