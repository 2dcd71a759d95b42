"""The line above a page: back and forward, where one is, find anything, the menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, LARGE, SEMIBOLD, SMALL, font
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import ElidedLabel, label, row, tool_button

HEIGHT = 48
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class FindButton(QAbstractButton):
    """Looks like a field, opens the palette."""

    def __init__(self, run: Callable[[], object]) -> None:
        super().__init__()
        self.setAccessibleName("Find anything (Ctrl+K)")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(lambda _checked=False: run())

    def sizeHint(self) -> QSize:
        return QSize(260, 30)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 2 if self.hasFocus() else 1
        painter.setPen(QPen(theme.colour("accent" if self.hasFocus() else "line"), width))
        painter.setBrush(theme.colour("hover" if self.underMouse() else "window"))
        inset = 1 if self.hasFocus() else 0
        painter.drawRoundedRect(self.rect().adjusted(inset, inset, -1 - inset, -1 - inset), 4, 4)
        pixmap = icon_pixmap("search", theme.current().quiet, 16, self.devicePixelRatioF())
        painter.drawPixmap(mirrored(painter, self.rect(), QRect(9, (self.height() - 16) // 2, 16, 16)), pixmap)
        painter.setPen(theme.colour("quiet"))
        painter.setFont(font(BASE))
        words = mirrored(painter, self.rect(), QRect(32, 0, self.width() - 42, self.height()))
        painter.drawText(words, _LEFT, "Find anything")
        painter.setFont(font(SMALL))
        painter.drawText(words, _RIGHT, "Ctrl+K")


class Header(QFrame):
    """See the module."""

    def __init__(
        self,
        go_back: Callable[[], object],
        go_forward: Callable[[], object],
        find: Callable[[], object],
        menu: Callable[[], object],
    ) -> None:
        super().__init__()
        self.setProperty("panel", "flat")
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Header")
        self.back = tool_button("arrow-left", "Back (Alt+Left)", go_back)
        self.forward = tool_button("arrow-right", "Forward (Alt+Right)", go_forward)
        self._title = label("", LARGE, weight=SEMIBOLD)
        self._heading = ElidedLabel("", LARGE, "quiet")
        self.stale = label("", SMALL, "attention")
        self.find_button = FindButton(find)
        self.menu = tool_button("ellipsis-vertical", "Menu", menu)
        layout = row(
            self.back, 2, self.forward, 8, self._title, 8, self._heading, 8, self.stale, 12, self.find_button, 4,
            self.menu,
            margins=(8, 0, 10, 0),
        )  # fmt: skip
        layout.setStretchFactor(self._heading, 1)
        self.setLayout(layout)

    def show_place(self, title: str, heading: str) -> None:
        """The page and its subject."""
        self._title.setText(title)
        self._heading.setText(heading)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        QPainter(self).fillRect(0, self.height() - 1, self.width(), 1, theme.colour("line"))
