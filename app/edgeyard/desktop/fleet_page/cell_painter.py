"""Paints the cells of the device table straight from the frame's arrays: twenty microseconds a cell."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from edgeyard.desktop.fleet_page import device_column
from edgeyard.desktop.fleet_page.device_column import COLUMNS
from edgeyard.desktop.fleet_page.table_model import FleetTableModel
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, REGULAR, font, metrics
from edgeyard.desktop.look.shape import WORDS, StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.sparkline import paint_sparkline
from edgeyard.domain.device import DeviceStatus

ROW_HEIGHT = 28
_PAD = 8
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_GROUNDS = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}
_ELIDE = {device_column.DEVICE: Qt.TextElideMode.ElideMiddle}
"""Devices of one kind differ in the last letters of their names."""
_SILENT = (DeviceStatus.OFFLINE, DeviceStatus.UNKNOWN)


class CellPainter:
    """One for all columns. `hovered` is the row under the pointer, `stale` greys everything."""

    def __init__(self, model: FleetTableModel) -> None:
        self._model = model
        self.hovered = -1
        self.stale = False

    def ground(self, table_row: int, *, selected: bool) -> str:
        """The colour behind a row."""
        palette = theme.current()
        return palette.selected if selected else palette.hover if table_row == self.hovered else palette.panel

    def paint_cell(self, painter: QPainter, rect: QRect, row: int, column: int) -> None:
        """The content of a cell of a row of the frame, without ground."""
        frame, status = self._model.frame, self._model.frame.status_of(row)
        inner = rect.adjusted(_PAD, 0, -_PAD, 0)
        if column == device_column.STATUS:
            self._paint_status(painter, inner, status)
        elif column == device_column.LATENCY:
            self._paint_latency(painter, inner, row)
        elif column == device_column.P95:
            self._paint_figure(painter, inner, row, self._ink(status))
        else:
            weight = MEDIUM if column == device_column.DEVICE else REGULAR
            painter.setPen(self._pen(column, status))
            painter.setFont(font(BASE, weight))
            text = COLUMNS[column].text(frame, row, self._model.now())
            shown = metrics(BASE, weight).elidedText(
                text, _ELIDE.get(column, Qt.TextElideMode.ElideRight), inner.width()
            )
            painter.drawText(inner, _RIGHT if COLUMNS[column].right else _LEFT, shown)

    def _paint_status(self, painter: QPainter, rect: QRect, status: DeviceStatus) -> None:
        wrong = _GROUNDS.get(status)
        pixmap = StatusShape.pixmap(status, 16, painter.device().devicePixelRatioF())
        word = WORDS[status]
        if wrong:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(f"{wrong}_ground"))
            width = min(metrics(BASE).horizontalAdvance(word) + 34, rect.width() + 8)
            chip = mirrored(painter, rect, QRect(rect.left() - 4, rect.top() + 4, width, 20))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawRoundedRect(QRectF(chip), 4, 4)
        painter.drawPixmap(mirrored(painter, rect, QRect(rect.left(), rect.top() + 6, 16, 16)), pixmap)
        painter.setFont(font())
        quiet = "text" if status is DeviceStatus.UPDATING else "quiet"
        painter.setPen(theme.colour(wrong or quiet))
        place = rect.adjusted(22, 0, 0, 0)
        shown = metrics(BASE).elidedText(word, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(mirrored(painter, rect, place), _LEFT, shown)

    def _paint_latency(self, painter: QPainter, rect: QRect, row: int) -> None:
        area = QRectF(rect).adjusted(0, 6, 0, -6)
        paint_sparkline(painter, area, self._model.frame.history[row], theme.colour("quiet"))

    def _paint_figure(self, painter: QPainter, rect: QRect, row: int, ink: QColor) -> None:
        text = COLUMNS[device_column.P95].text(self._model.frame, row, 0.0)
        number, _, unit = text.partition(" ")
        painter.setFont(font())
        painter.setPen(theme.colour("quiet"))
        unit_width = metrics(BASE).horizontalAdvance(f" {unit}") if unit else 0
        if unit:
            painter.drawText(rect, _RIGHT, unit)
        painter.setPen(ink)
        painter.drawText(mirrored(painter, rect, rect.adjusted(0, 0, -unit_width, 0)), _RIGHT, number)

    def _pen(self, column: int, status: DeviceStatus) -> QColor:
        if column in {device_column.DEVICE, device_column.MODEL}:
            return self._ink(status)
        return theme.colour("quiet")

    def _ink(self, status: DeviceStatus) -> QColor:
        return theme.colour("quiet" if self.stale or status in _SILENT else "text")
