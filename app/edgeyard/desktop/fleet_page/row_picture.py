"""Rows of the device table as pictures: a row is painted when something in it changed, and copied while it scrolls.

Painting the cells of a row takes a quarter of a millisecond, copying its picture a tenth of that. The age of the last
report changes by itself every second, so it is not in the picture: it is written on top.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QTableView

from edgeyard.desktop.fleet_page.cell_painter import ROW_HEIGHT, CellPainter
from edgeyard.desktop.fleet_page.device_column import COLUMNS, SEEN
from edgeyard.desktop.fleet_page.table_model import FleetTableModel
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.palette import Palette
from edgeyard.domain.device import Device

_LEAST_KEPT = 64


@dataclass(frozen=True, slots=True)
class _Look:
    """What all rows of a table have in common; pictures of another look are thrown away."""

    width: int
    ratio: float
    """Device pixels a logical pixel."""
    cells: tuple[tuple[int, int, int], ...]
    """(column, left, width) of the columns that are shown."""
    palette: Palette
    stale: bool
    direction: Qt.LayoutDirection


class RowPictures:
    """Paints the rows of one table, and keeps those that were shown last."""

    def __init__(self, model: FleetTableModel, cells: CellPainter) -> None:
        self._model = model
        self._cells = cells
        self._look: _Look | None = None
        self._kept: OrderedDict[str, tuple[Device, tuple[object, ...], QPixmap]] = OrderedDict()
        self.painted = 0
        """How many rows had to be painted so far."""

    def paint(self, painter: QPainter, table: QTableView, area: QRect, marked: Collection[str]) -> None:
        """The rows of `table` that lie in `area` of its viewport, and the ground below the last.

        `marked` are the ids of the selected devices.
        """
        look = self._look_of(table)
        if look != self._look:
            self._look = look
            self._kept.clear()
        offset, order = table.verticalOffset(), self._model.order
        first, end = (area.top() + offset) // ROW_HEIGHT, (area.bottom() + offset) // ROW_HEIGHT + 1
        for table_row in range(first, min(end, len(order))):
            row, top = int(order[table_row]), table_row * ROW_HEIGHT - offset
            selected = self._model.frame.devices[row].id in marked
            ground = self._cells.ground(table_row, selected=selected)
            painter.drawPixmap(0, top, self._picture(look, row, ground))
            for column, left, width in look.cells:
                if column == SEEN:
                    self._cells.paint_cell(painter, QRect(left, top, width, ROW_HEIGHT), row, column)
        self._forget(2 * (end - first))
        below = QRect(0, len(order) * ROW_HEIGHT - offset, look.width, table.viewport().height())
        painter.fillRect(area & below, QColor(look.palette.panel))

    def _look_of(self, table: QTableView) -> _Look:
        cells = tuple(
            (column, table.columnViewportPosition(column), table.columnWidth(column))
            for column in range(len(COLUMNS))
            if not table.isColumnHidden(column)
        )
        return _Look(
            table.viewport().width(), table.devicePixelRatioF(), cells, theme.current(), self._cells.stale,
            table.layoutDirection(),
        )  # fmt: skip

    def _picture(self, look: _Look, row: int, ground: str) -> QPixmap:
        frame = self._model.frame
        device = frame.devices[row]
        shown = (int(frame.status[row]), frame.history[row].tobytes(), ground)
        kept = self._kept.get(device.id)
        # A device that reports is another object afterwards.
        if kept is not None and kept[0] is device and kept[1] == shown:
            self._kept.move_to_end(device.id)
            return kept[2]
        made = self._paint_row(look, row, ground)
        self._kept[device.id] = device, shown, made
        self._kept.move_to_end(device.id)
        return made

    def _paint_row(self, look: _Look, row: int, ground: str) -> QPixmap:
        made = QPixmap(round(look.width * look.ratio), round(ROW_HEIGHT * look.ratio))
        made.setDevicePixelRatio(look.ratio)
        made.fill(QColor(ground))
        painter = QPainter(made)
        painter.setLayoutDirection(look.direction)
        for column, left, width in look.cells:
            if column != SEEN:
                self._cells.paint_cell(painter, QRect(left, 0, width, ROW_HEIGHT), row, column)
        painter.end()
        self.painted += 1
        return made

    def _forget(self, rows: int) -> None:
        while len(self._kept) > max(_LEAST_KEPT, rows):
            self._kept.popitem(last=False)
