"""The inside of a scroll area that holds wrapped text."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QLayout, QWidget


class ScrollBody(QWidget):
    """As high as its text needs at the width it has.

    A plain widget claims the height its wrapped labels would have at some narrower width, and the area then shows a
    scroll bar over nothing.
    """

    def __init__(self, layout: QLayout | None = None) -> None:
        super().__init__()
        self.setProperty("ground", "panel")
        if layout is not None:
            self.setLayout(layout)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)
