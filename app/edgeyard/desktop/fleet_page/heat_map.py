"""Every device at once. Calm where all is well; what is wrong can be seen from across the room."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from edgeyard.desktop.fleet_frame import ALARM, ATTENTION, EMPTY_FRAME, FleetFrame
from edgeyard.desktop.fleet_page.device_column import model_words
from edgeyard.desktop.fleet_page.heat_image import cells_image
from edgeyard.desktop.fleet_page.heat_layout import HeatLayout, lay_out
from edgeyard.desktop.group_frame import Mask
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, font, metrics
from edgeyard.desktop.look.shape import WORDS, StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.words import ago, count, figure
from edgeyard.domain.device import STATUS_ORDER, DeviceStatus
from edgeyard.domain.hardware import profile_title

_TILE_LEAST, _TILE_MOST = 96, 184
_MARK_BELOW = 9
"""Cells smaller than this get their alarms and warnings drawn larger, over their neighbours."""
_MARK = 9
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_SILENT = (DeviceStatus.OFFLINE, DeviceStatus.UNKNOWN)
_WRONG = {ALARM: "alarm", ATTENTION: "attention"}


class HeatMap(QWidget):
    """One cell a device, in order of their ids, so that each keeps its place from day to day."""

    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.frame: FleetFrame = EMPTY_FRAME
        self.layout_now = HeatLayout(0, 0, 1, 1, tiles=False)
        self._shown: Mask | None = None
        self._selected: set[str] = set()
        self._cursor = -1
        self._image: QImage | None = None
        self._stale = False
        self.tile_width = _TILE_LEAST
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Map of all devices")

    def show_frame(self, frame: FleetFrame) -> None:
        """Take over newer figures."""
        if frame.members != self.frame.members:
            longest = max((metrics(BASE).horizontalAdvance(device.id) for device in frame.devices[:60]), default=0)
            self.tile_width = min(max(longest + 38, _TILE_LEAST), _TILE_MOST)
            self._cursor = -1
        elif np.array_equal(frame.status, self.frame.status):
            self.frame = frame
            return
        self.frame = frame
        self._lay_out()
        wrong = [f"{count(frame.count(status), 'device')} {WORDS[status].lower()}" for status in STATUS_ORDER]
        self.setAccessibleDescription(", ".join(wrong))

    def show_only(self, shown: Mask | None) -> None:
        """Make all devices outside of `shown` faint; `None` shows all."""
        self._shown = shown
        self._redraw()

    def select(self, device_ids: list[str]) -> None:
        """Outline these devices."""
        self._selected = set(device_ids)
        self.update()

    def set_stale(self, stale: bool) -> None:
        """Draw the last known picture fainter."""
        if stale != self._stale:
            self._stale = stale
            self.update()

    def device_at(self, point: QPoint) -> str:
        """The device under a point, or nothing."""
        row = self.layout_now.at(point.x(), point.y())
        return self.frame.devices[row].id if row >= 0 else ""

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        if self._stale:
            painter.setOpacity(0.55)
        if self.layout_now.tiles:
            self._paint_tiles(painter)
        elif self.layout_now.count:
            if self._image is None:
                self._image = self._picture()
            painter.drawImage(0, 0, self._image)
        self._paint_outlines(painter)

    def _paint_tiles(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shown = self._mask()
        for row, device in enumerate(self.frame.devices):
            box = self._box(row)
            status = self.frame.status_of(row)
            wrong = _WRONG.get(int(self.frame.status[row]))
            painter.setPen(QPen(theme.colour(wrong or "line"), 1))
            painter.setBrush(theme.colour(f"{wrong}_ground" if wrong else "panel"))
            if shown is not None and not shown[row]:
                painter.setOpacity(0.35)
            painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
            shape = mirrored(painter, box, QRect(box.left() + 7, box.top() + 6, 16, 16))
            StatusShape.paint(painter, QRectF(shape), status)
            painter.setFont(font())
            painter.setPen(theme.colour(wrong or ("quiet" if status in _SILENT else "text")))
            room = box.width() - 36
            name = metrics(BASE).elidedText(device.id, Qt.TextElideMode.ElideMiddle, room)
            painter.drawText(mirrored(painter, box, box.adjusted(28, 0, -4, 0)), _LEFT, name)
            painter.setOpacity(0.55 if self._stale else 1.0)

    def _picture(self) -> QImage:
        ratio, shown = self.devicePixelRatioF(), self._mask()
        image = cells_image(self.layout_now, self.frame.status, shown, theme.current(), ratio)
        if self.layout_now.cell_width >= _MARK_BELOW:
            return image
        painter = QPainter(image)
        for code in (ATTENTION, ALARM):
            wrong = self.frame.status == code
            mark = StatusShape.pixmap(STATUS_ORDER[code], _MARK, ratio, on_panel=True)
            for row in np.flatnonzero(wrong if shown is None else wrong & shown).tolist():
                centre = self._box(row).center()
                painter.drawPixmap(centre.x() - _MARK // 2, centre.y() - _MARK // 2, mark)
        painter.end()
        return image

    def _paint_outlines(self, painter: QPainter) -> None:
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.colour("accent"), 2))
        for device_id in list(self._selected)[:200]:
            row = self.frame.row_of.get(device_id)
            if row is not None and row < self.layout_now.count:
                self._outline(painter, row)
        if self.hasFocus() and 0 <= self._cursor < self.layout_now.count:
            painter.setPen(QPen(theme.colour("text"), 2))
            self._outline(painter, self._cursor)

    def _outline(self, painter: QPainter, row: int) -> None:
        box = QRectF(self._box(row))
        grow = max(0.0, (8 - box.width()) / 2)
        painter.drawRoundedRect(box.adjusted(-grow, -grow, grow, grow).adjusted(1, 1, -1, -1), 3, 3)

    def _box(self, row: int) -> QRect:
        left, top = self.layout_now.corner(row)
        gap = 4 if self.layout_now.tiles else 0 if self.layout_now.cell_width >= 10 else 1
        return QRect(left, top, self.layout_now.cell_width - gap, self.layout_now.cell_height - gap)

    def _mask(self) -> Mask | None:
        # A mask of before some device came or went does not fit any more; the next one is on its way.
        return self._shown if self._shown is not None and len(self._shown) == len(self.frame) else None

    def _lay_out(self) -> None:
        self.layout_now = lay_out(len(self.frame), self.width(), self.height(), self.tile_width)
        self._redraw()

    def _redraw(self) -> None:
        self._image = None
        self.update()

    # --- pointer and keys ----------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in {QEvent.Type.PaletteChange, QEvent.Type.StyleChange}:
            self._redraw()
        super().changeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self.layout_now.at(event.pos().x(), event.pos().y())
            if row >= 0:
                QToolTip.showText(event.globalPos(), self.describe(row), self, self._box(row))
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def describe(self, row: int) -> str:
        """A device in a few lines."""
        frame, device = self.frame, self.frame.devices[row]
        lines = [device.id, WORDS[frame.status_of(row)], profile_title(device.hardware_profile), model_words(device)]
        if device.problem:
            lines.insert(2, device.problem)
        if device.latency_p95_ms is not None:
            lines.append(f"p95 {figure(device.latency_p95_ms)} ms")
        lines.append(f"last seen {ago(frame.at - float(frame.seen_at[row]))}")
        return "\n".join(lines)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            row = self.layout_now.at(event.position().toPoint().x(), event.position().toPoint().y())
            self._cursor = row
            self.chosen.emit(self.frame.devices[row].id if row >= 0 else "")
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        device_id = self.device_at(event.position().toPoint())
        if device_id:
            self.opened.emit(device_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        columns, last = self.layout_now.columns, self.layout_now.count - 1
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -columns, Qt.Key.Key_Down: columns}
        key = Qt.Key(event.key())
        if key in steps and last >= 0:
            self._cursor = min(max(self._cursor + steps[key], 0), last) if self._cursor >= 0 else 0
        elif key in {Qt.Key.Key_Home, Qt.Key.Key_End} and last >= 0:
            self._cursor = 0 if key == Qt.Key.Key_Home else last
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and 0 <= self._cursor <= last:
            self.opened.emit(self.frame.devices[self._cursor].id)
            return
        else:
            super().keyPressEvent(event)
            return
        self.chosen.emit(self.frame.devices[self._cursor].id)
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        if self._cursor < 0 and len(self.frame):
            self._cursor = 0
        super().focusInEvent(event)
        self.update()
