"""Accuracy over speed: every proven candidate as a mark, the best ones joined, the picked ones named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import MEDIUM, SMALL, font, metrics

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 14, 34
_REACH = 14.0
_NAME_GAP = 14
_TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """One candidate: `x` is times faster than the original, `y` accuracy in percent with its 95 % interval."""

    name: str
    x: float
    y: float
    low: float
    high: float
    best: bool
    picked: bool
    words: str
    """All its figures in a line, for tooltip and screen reader."""


def ticks(low: float, high: float, wanted: int = _TICKS) -> list[float]:
    """Round numbers from `low` to `high`, about `wanted` of them."""
    span = max(high - low, 1e-9)
    magnitude = 10.0 ** _floor_log10(span / wanted)
    step = next(factor * magnitude for factor in _STEPS if factor * magnitude * wanted >= span)
    first = int(low / step) if low >= 0 else int(low / step) - 1
    found = [round((first + number) * step, 10) for number in range(wanted + 3)]
    return [value for value in found if low - 1e-9 <= value <= high + 1e-9]


def _floor_log10(value: float) -> int:
    exponent = 0
    while value >= 10:
        value, exponent = value / 10, exponent + 1
    while value < 1:
        value, exponent = value * 10, exponent - 1
    return exponent


class ParetoChart(QWidget):
    """Click or arrow keys choose a mark, Ctrl+click a second one to compare with."""

    chosen = Signal(str, bool)
    """A candidate's name, and whether it is to be compared with the one chosen before."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Accuracy over speed")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumHeight(200)
        self._marks: list[Mark] = []
        self._chosen: tuple[str, ...] = ()
        self._name_room = _NAME_GAP
        self._hovered = ""

    def sizeHint(self) -> QSize:
        return QSize(560, 280)

    def show_marks(self, marks: Sequence[Mark], chosen: Sequence[str]) -> None:
        """Take over the candidates, and which of them are chosen."""
        if list(marks) == self._marks and tuple(chosen) == self._chosen:
            return
        self._marks, self._chosen = list(marks), tuple(chosen)
        names = [metrics(SMALL, MEDIUM).horizontalAdvance(mark.name) for mark in self._marks if mark.picked]
        self._name_room = max(names, default=0) + _NAME_GAP
        self.setAccessibleDescription("; ".join(mark.words for mark in self._marks))
        self.update()

    # --- places ------------------------------------------------------------------------------------------------------

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _ranges(self) -> tuple[float, float, float, float]:
        xs = [mark.x for mark in self._marks] or [1.0]
        ys = [value for mark in self._marks for value in (mark.low, mark.high)] or [0.0, 100.0]
        left, right = min(0.0, *xs), max(1.0, *xs)
        pad_x, pad_y = 0.06 * max(right - left, 0.5), 0.06 * max(max(ys) - min(ys), 1.0)
        # The fastest is often the picked one: its name has room beside it.
        width = max(1.0, self._area().width() - self._name_room)
        pad_x = max(pad_x, (right - left) * self._name_room / width)
        return left, right + pad_x, max(0.0, min(ys) - pad_y), min(100.0, max(ys) + pad_y)

    def _place(self, x: float, y: float) -> QPointF:
        area = self._area()
        left, right, low, high = self._ranges()
        across = (x - left) / (right - left)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            across = 1 - across
        return QPointF(area.left() + across * area.width(), area.bottom() - (y - low) / (high - low) * area.height())

    def place_of(self, name: str) -> QPointF | None:
        """Where a candidate's mark is."""
        found = next((mark for mark in self._marks if mark.name == name), None)
        return self._place(found.x, found.y) if found else None

    def _mark_at(self, place: QPointF) -> Mark | None:
        nearest = min(self._marks, key=lambda mark: _distance(self._place(mark.x, mark.y), place), default=None)
        if nearest is None or _distance(self._place(nearest.x, nearest.y), place) > _REACH:
            return None
        return nearest

    # --- input -------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        mark = self._mark_at(event.position())
        if mark is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(mark.name, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        mark = self._mark_at(event.position())
        name = mark.name if mark else ""
        if name != self._hovered:
            self._hovered = name
            self.setCursor(Qt.CursorShape.PointingHandCursor if name else Qt.CursorShape.ArrowCursor)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()), 0)
        if not step or not self._marks:
            super().keyPressEvent(event)
            return
        ordered = sorted(self._marks, key=lambda mark: mark.x)
        names = [mark.name for mark in ordered]
        now = names.index(self._chosen[0]) if self._chosen and self._chosen[0] in names else -step
        self.chosen.emit(names[max(0, min(len(names) - 1, now + step))], False)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            mark = self._mark_at(QPointF(event.pos()))
            if mark is not None:
                QToolTip.showText(event.globalPos(), mark.words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter)
        self._paint_front(painter)
        taken = [self._stem(mark) for mark in self._marks]
        for mark in sorted(self._marks, key=lambda mark: (mark.name in self._chosen, mark.picked)):
            self._paint_mark(painter, mark)
        for mark in sorted(self._marks, key=lambda mark: (not mark.picked, not mark.best)):
            self._paint_name(painter, mark, taken)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    def _paint_axes(self, painter: QPainter) -> None:
        area = self._area()
        left, right, low, high = self._ranges()
        painter.setFont(font(SMALL))
        for value in ticks(low, high):
            place = self._place(left, value)
            painter.setPen(theme.colour("line"))
            painter.drawLine(QPointF(area.left(), place.y()), QPointF(area.right(), place.y()))
            painter.setPen(theme.colour("quiet"))
            painter.drawText(QRectF(0, place.y() - 8, _LEFT - 8, 16), _RIGHT_MIDDLE, f"{value:g} %")
        for value in ticks(left, right):
            x = self._place(value, low).x()
            painter.setPen(theme.colour("quiet"))
            painter.drawText(QRectF(x - 30, area.bottom() + 4, 60, 14), _CENTRE, f"{value:g} ×")
        even = self._place(1.0, low).x()
        painter.setPen(QPen(theme.colour("quiet"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(even, area.top()), QPointF(even, area.bottom()))
        painter.setPen(theme.colour("quiet"))
        caption = "times as fast as the original, one sample at a time"
        painter.drawText(QRectF(area.left(), area.bottom() + 18, area.width(), 14), _CENTRE, caption)

    def _paint_front(self, painter: QPainter) -> None:
        best = sorted((mark for mark in self._marks if mark.best), key=lambda mark: mark.x)
        painter.setPen(QPen(theme.colour("healthy"), 1))
        for one, other in pairwise(best):
            painter.drawLine(self._place(one.x, one.y), self._place(other.x, other.y))

    def _paint_mark(self, painter: QPainter, mark: Mark) -> None:
        place = self._place(mark.x, mark.y)
        strong = mark.picked or mark.name in self._chosen
        ink = theme.colour("accent" if strong else "quiet" if mark.best else "healthy")
        painter.setPen(QPen(ink, 1))
        painter.drawLine(self._place(mark.x, mark.low), self._place(mark.x, mark.high))
        radius = 6.0 if mark.name in (*self._chosen, self._hovered) else 4.5
        painter.setPen(QPen(ink, 1.5))
        painter.setBrush(ink if mark.picked else theme.colour("panel"))
        if mark.best:
            painter.drawEllipse(place, radius, radius)
        else:
            painter.drawRect(QRectF(place.x() - radius * 0.8, place.y() - radius * 0.8, radius * 1.6, radius * 1.6))
        if mark.name in self._chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("accent"), 1.5))
            painter.drawEllipse(place, radius + 4, radius + 4)

    def _stem(self, mark: Mark) -> QRectF:
        """What the interval of a mark covers."""
        top, bottom = self._place(mark.x, mark.high), self._place(mark.x, mark.low)
        return QRectF(top.x() - 2, top.y(), 4, bottom.y() - top.y())

    def _paint_name(self, painter: QPainter, mark: Mark, taken: list[QRectF]) -> None:
        """Beside the mark, on the first side where there is room; one that would cover another is left out."""
        weight = MEDIUM if mark.picked else font(SMALL).weight()
        painter.setFont(font(SMALL, weight))
        width = metrics(SMALL, weight).horizontalAdvance(mark.name) + 2
        place = self._place(mark.x, mark.y)
        own = self._stem(mark)
        for dy, dx in product((-16, 3, -32, 19), (10, -width - 10)):
            area = QRectF(place.x() + dx, place.y() + dy, width, 14)
            inside = QRectF(self.rect()).adjusted(_LEFT, 0, -2, -_BOTTOM).contains(area)
            if inside and not any(area.intersects(other) for other in taken if other != own):
                taken.append(area)
                painter.setPen(theme.colour("text" if mark.picked or mark.name in self._chosen else "quiet"))
                painter.drawText(area, _LEFT_MIDDLE, mark.name)
                return


def _distance(one: QPointF, other: QPointF) -> float:
    return float((one - other).manhattanLength())


_RIGHT_MIDDLE = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT_MIDDLE = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_CENTRE = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter)
