"""A small surface above a button that explains it: closes with Esc or a click elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLayout, QWidget

from edgeyard.desktop.look import theme

_GAP = 4


class Popover(QFrame):
    """Shows `layout` next to `anchor`, above or below it, inside the screen."""

    def __init__(self, anchor: QWidget, layout: QLayout, name: str, width: int = 340) -> None:
        super().__init__(anchor.window(), Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName(name)
        self.setProperty("panel", "true")
        self.setFixedWidth(width)
        self.setLayout(layout)
        self._anchor = anchor

    def open(self) -> None:
        """Place it and show it."""
        palette = theme.current()
        self.setStyleSheet(f"Popover {{ background: {palette.panel}; border: 1px solid {palette.line}; }}")
        layout = self.layout()
        wanted = layout.totalHeightForWidth(self.width()) if layout is not None and layout.hasHeightForWidth() else -1
        self.resize(self.width(), wanted if wanted > 0 else self.sizeHint().height())
        area = self._anchor.screen().availableGeometry()
        top_left = self._anchor.mapToGlobal(QPoint(0, 0))
        below = top_left.y() + self._anchor.height() + _GAP
        above = top_left.y() - self.height() - _GAP
        x = min(max(area.left() + _GAP, top_left.x()), area.right() - self.width() - _GAP)
        self.move(x, below if below + self.height() <= area.bottom() else max(area.top(), above))
        self.show()
        first = self.nextInFocusChain()
        if first is not None and self.isAncestorOf(first):
            first.setFocus(Qt.FocusReason.PopupFocusReason)
