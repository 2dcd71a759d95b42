"""The short tour, floating over the lower right corner of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

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
            self._panel.adjustSize()
            corner = self._area.rect().bottomRight()
            self._panel.move(corner.x() - self._panel.width() - _MARGIN, corner.y() - self._panel.height() - _MARGIN)
            self._panel.raise_()
