"""The short tour, floating over the lower right corner of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRect
from PySide6.QtWidgets import QStyle, QWidget

from edgeyard.desktop.desk import Desk

if TYPE_CHECKING:
    from edgeyard.desktop.tour.tour_panel import TourPanel

_MARGIN = 16


class TourCorner(QObject):
    """Makes the tour when it is wanted, keeps it in its corner, lets it go when it is closed."""

    def __init__(self, area: QWidget) -> None:
        super().__init__(area)
        self._area = area
        self._panel: TourPanel | None = None
        area.installEventFilter(self)

    def show(self, desk: Desk) -> None:
        """Show it."""
        from edgeyard.desktop.tour.tour_panel import TourPanel

        if self._panel is None:
            self._panel = TourPanel(desk)
            self._panel.setParent(self._area)
            self._panel.closed.connect(self._on_closed)
            self._panel.grown.connect(self._place)
        self._panel.show()
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _on_closed(self) -> None:
        if self._panel is not None:
            self._panel.hide()
            self._panel.deleteLater()
            self._panel = None

    def _place(self) -> None:
        if self._panel is not None:
            whole, width = self._area.rect(), self._panel.width()
            # Not adjustSize: of a child it leaves out that wrapped text needs its height for this very width.
            height = self._panel.heightForWidth(width)
            place = QRect(whole.width() - width - _MARGIN, whole.height() - height - _MARGIN, width, height)
            self._panel.setGeometry(QStyle.visualRect(self._area.layoutDirection(), whole, place))
            self._panel.raise_()

    def width(self) -> int:
        """How much of the area's width it takes, with its margin."""
        return self._panel.width() + _MARGIN if self._panel is not None and self._panel.isVisible() else 0
