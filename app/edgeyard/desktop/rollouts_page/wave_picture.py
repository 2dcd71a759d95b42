"""The waves of a rollout as a picture: a block for each wave, in it a cell for each device."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, REGULAR, SMALL, font, metrics
from edgeyard.desktop.look.palette import Palette
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.rollouts_page.cell_image import cells_image
from edgeyard.desktop.rollouts_page.picture import CellKind, DeviceRow, RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import (
    KIND_STATUS,
    counts_text,
    execution_word,
    wave_time,
    wave_word,
)
from edgeyard.desktop.widget import words
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.rollout import Wave

_HEAD = 28
_GAP = 8
_PAD = 12
_EDGE = 2
_SIZES = (20, 14, 10, 7, 5, 4)
_ROOM = 260
"""The cells take the largest size at which the whole picture is about this high, whatever the number of devices."""
_SHAPED = 10


@dataclass(slots=True)
class _Block:
    wave: Wave
    rows: tuple[DeviceRow, ...]
    facts: str
    time: str
    word: str
    status: DeviceStatus
    top: int
    height: int
    columns: int
    image: QImage | None = None
    """Its cells, where they are too small for shapes."""
    painted_in: Palette | None = None


class WavePicture(QWidget):
    """Hover a cell for its device, click it to choose that device."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Waves and their devices")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._picture: RolloutPicture | None = None
        self._blocks: list[_Block] = []
        self._cell = _SIZES[0]
        self._chosen = ""

    def show_picture(self, picture: RolloutPicture) -> None:
        """Draw this state of the rollout."""
        self._picture = picture
        self._arrange()
        self.setAccessibleDescription(" ".join(f"Wave {b.wave.index + 1} {b.word}: {b.facts}." for b in self._blocks))
        self.update()

    def choose(self, device_id: str) -> None:
        """Mark one device."""
        if device_id != self._chosen:
            self._chosen = device_id
            self.update()

    def cell_rect(self, device_id: str) -> QRect:
        """Where a device's cell is; empty when it is not drawn."""
        for block in self._blocks:
            for place, row in enumerate(block.rows):
                if row.device_id == device_id:
                    return self._rect(block, place)
        return QRect()

    def sizeHint(self) -> QSize:
        last = self._blocks[-1] if self._blocks else None
        return QSize(400, last.top + last.height if last else _HEAD)

    def resizeEvent(self, event: QResizeEvent) -> None:
        del event
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._words_at(event.pos()), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint())
        if row is not None:
            self.chosen.emit(row.device_id)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for block in self._blocks:
            if QRect(0, block.top, self.width(), block.height).intersects(event.rect()):
                self._paint_head(painter, block)
                self._paint_cells(painter, block)
        painter.end()

    def _arrange(self) -> None:
        if self._picture is None:
            return
        picture = self._picture
        self._cell = next((size for size in _SIZES if self._cells_height(picture, size) <= _ROOM), _SIZES[-1])
        columns, top = self._columns(self._cell), 0
        self._blocks = []
        for wave, rows, counts in zip(picture.rollout.waves, picture.by_wave, picture.wave_counts, strict=True):
            height = _HEAD + -(-len(rows) // columns) * _pitch(self._cell) + _GAP
            facts, time = counts_text(counts), wave_time(wave, picture)
            self._blocks.append(_Block(wave, rows, facts, time, *wave_word(wave, picture), top, height, columns))
            top += height
        if self.minimumHeight() != top:
            self.setFixedHeight(max(top, _HEAD))

    def _columns(self, cell: int) -> int:
        return max(1, (max(120, self.width()) - _PAD) // _pitch(cell))

    def _cells_height(self, picture: RolloutPicture, cell: int) -> int:
        columns = self._columns(cell)
        return sum(-(-len(rows) // columns) * _pitch(cell) for rows in picture.by_wave)

    def _rect(self, block: _Block, place: int) -> QRect:
        row, column = divmod(place, block.columns)
        left = _EDGE + column * _pitch(self._cell)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            left = self.width() - left - self._cell
        return QRect(left, block.top + _HEAD + row * _pitch(self._cell), self._cell, self._cell)

    def _row_at(self, place: QPoint) -> DeviceRow | None:
        for block in self._blocks:
            if not block.top + _HEAD <= place.y() < block.top + block.height:
                continue
            x = place.x() if self.layoutDirection() != Qt.LayoutDirection.RightToLeft else self.width() - place.x()
            column, row = (x - _EDGE) // _pitch(self._cell), (place.y() - block.top - _HEAD) // _pitch(self._cell)
            number = row * block.columns + column
            if 0 <= column < block.columns and 0 <= number < len(block.rows):
                return block.rows[number]
        return None

    def _words_at(self, place: QPoint) -> str:
        row = self._row_at(place)
        if row is None:
            return ""
        since = words.both_clocks(row.latest.state_since).split("\n", maxsplit=1)[0]
        lines = [f"{row.device_id}: {execution_word(row.latest)}", f"since {since}", row.told.reason]
        return "\n".join(line for line in lines if line)

    def _paint_head(self, painter: QPainter, block: _Block) -> None:
        wrong = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}.get(block.status)
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        shape = QRectF(self.width() - 16 if mirrored else 0, block.top + 5, 16, 16)
        StatusShape.paint(painter, shape, block.status)
        parts = (
            (f"Wave {block.wave.index + 1}", MEDIUM, BASE, "text"),
            (block.word, REGULAR, BASE, wrong or "text"),
            (block.time, REGULAR, SMALL, "quiet"),
            (block.facts, REGULAR, SMALL, "quiet"),
        )
        left = 22
        for text, weight, size, role in parts:
            width = metrics(size, weight).horizontalAdvance(text) + 2
            painter.setFont(font(size, weight))
            painter.setPen(theme.colour(role))
            x = self.width() - left - width if mirrored else left
            painter.drawText(QRect(x, block.top, width, 26), Qt.AlignmentFlag.AlignVCenter, text)
            left += width + (8 if text else 0)

    def _paint_cells(self, painter: QPainter, block: _Block) -> None:
        palette = theme.current()
        if self._cell < _SHAPED:
            self._paint_small(painter, block, palette)
        else:
            for place, row in enumerate(block.rows):
                rect = self._rect(block, place)
                if row.kind is CellKind.RETURNED:
                    self._paint_returned(painter, rect)
                else:
                    StatusShape.paint(painter, QRectF(rect), KIND_STATUS[row.kind], palette)
        place = next((p for p, row in enumerate(block.rows) if row.device_id == self._chosen), -1)
        if place >= 0:
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._rect(block, place).adjusted(-1, -1, 1, 1))

    def _paint_small(self, painter: QPainter, block: _Block, palette: Palette) -> None:
        if block.image is None or block.painted_in is not palette:
            block.image = cells_image(block.rows, block.columns, self._cell, _pitch(self._cell), palette)
            block.painted_in = palette
        image = block.image
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            image = image.mirrored(True, False)
            painter.drawImage(self.width() - _EDGE - image.width(), block.top + _HEAD, image)
        else:
            painter.drawImage(_EDGE, block.top + _HEAD, image)

    def _paint_returned(self, painter: QPainter, rect: QRect) -> None:
        """A ring with a bar across: the device is back on its own model."""
        StatusShape.paint(painter, QRectF(rect), DeviceStatus.OFFLINE)
        painter.setPen(QPen(theme.colour("quiet"), max(1.0, self._cell * 0.1)))
        middle, reach = rect.center(), self._cell // 4
        painter.drawLine(middle.x() - reach, middle.y() + 1, middle.x() + reach, middle.y() + 1)


def _pitch(cell: int) -> int:
    return cell + (4 if cell >= _SHAPED else 1)
