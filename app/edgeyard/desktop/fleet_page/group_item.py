"""How one group is painted in the tree: its kind, name, what is wrong in it, how many; during a drag, its answer."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgeyard.desktop.drag import DropPlace
from edgeyard.desktop.fleet_frame import ALARM, ATTENTION
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, REGULAR, SMALL, font, metrics
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.quantity import count

ROW_HEIGHT = 28
ROLE = int(Qt.ItemDataRole.UserRole)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

_NAME_LEFT = 26
_MARK = 15
_WRONG = ((ALARM, DeviceStatus.ALARM, "alarm"), (ATTENTION, DeviceStatus.ATTENTION, "attention"))
"""The worst first: it is the last to give way to the name."""

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class GroupItem:
    """What a row of the tree shows. Id 0 is “All devices”."""

    id: int
    name: str
    kind: str
    production: bool
    devices: int
    counts: tuple[int, ...]
    trouble: str = ""

    @property
    def words(self) -> str:
        """For tooltips and those who cannot see."""
        flag = ", production" if self.production else ""
        wrong = self.counts[ALARM] + self.counts[ATTENTION] if self.counts else 0
        need = f", {wrong} in need of attention" if wrong else ""
        return f"{self.name}: {count(self.devices, 'device')}{flag}{need}. {self.trouble}".strip()


class GroupDelegate(QStyledItemDelegate):
    """Paints `GroupItem`s."""

    def __init__(self, drop: DropPlace) -> None:
        super().__init__()
        self._drop = drop
        self.target = -1
        """Id of the group under a dragged version."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(120, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item = index.data(ROLE)
        if not isinstance(item, GroupItem):
            return
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            # The indentation too, which lies beside the item's own rectangle.
            row_rect = QRect(0, rect.top(), option.widget.width(), rect.height())
            painter.fillRect(row_rect, theme.colour("selected" if selected else "hover"))
        in_air = self._drop.version is not None
        answer = self._drop.answer(item.id) if in_air and item.id else None
        refuses = in_air and (answer is None or not answer.accepts)
        tail = answer.words if answer is not None else f"{item.devices:,}"
        tail_left = self._paint_tail(painter, rect, item, tail, counting=not in_air)
        if answer is not None and answer.accepts:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("accent"), 2 if self.target == item.id else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 1.5, -2, -1.5), 4, 4)
        self._paint_name(painter, rect, item, tail_left, quiet=refuses)

    def _paint_name(self, painter: QPainter, rect: QRect, item: GroupItem, right: int, *, quiet: bool) -> None:
        palette = theme.current()
        kind = {"all": "layers", "static": "list"}.get(item.kind, "filter")
        pixmap = icon_pixmap(kind, palette.line if quiet else palette.quiet, 16, painter.device().devicePixelRatioF())
        painter.drawPixmap(mirrored(painter, rect, QRect(rect.left() + 4, rect.top() + 6, 16, 16)), pixmap)
        left = rect.left() + _NAME_LEFT
        weight = MEDIUM if item.kind == "all" else REGULAR
        painter.setFont(font(BASE, weight))
        painter.setPen(theme.colour("quiet" if quiet else "attention" if item.trouble else "text"))
        flag_room = 18 if item.production else 0
        room = right - left - flag_room - 6
        name = metrics(BASE, weight).elidedText(item.name, Qt.TextElideMode.ElideRight, room)
        place = QRect(left, rect.top(), max(0, room), rect.height())
        painter.drawText(mirrored(painter, rect, place), _LEFT, name)
        if item.production:
            x = left + metrics(BASE, weight).horizontalAdvance(name) + 5
            flag = icon_pixmap("shield-check", palette.quiet, 12, painter.device().devicePixelRatioF())
            painter.drawPixmap(mirrored(painter, rect, QRect(x, rect.top() + 8, 12, 12)), flag)

    def _paint_tail(self, painter: QPainter, rect: QRect, item: GroupItem, tail: str, *, counting: bool) -> int:
        """Draw what stands on the right, as much of it as leaves room for the name; returns its left edge."""
        measure = metrics(BASE if counting else SMALL)
        shown = measure.elidedText(tail, Qt.TextElideMode.ElideRight, rect.width() - 90)
        painter.setFont(font(BASE if counting else SMALL))
        painter.setPen(theme.colour("quiet"))
        painter.drawText(mirrored(painter, rect, rect.adjusted(0, 0, -10, 0)), _RIGHT, shown)
        left = rect.right() - 10 - measure.horizontalAdvance(shown)
        if not counting or not item.counts:
            return left
        name_needs = min(metrics(BASE).horizontalAdvance(item.name), rect.width() // 2) + _NAME_LEFT + 8
        room = left - rect.left() - name_needs - (18 if item.production else 0)
        present = [(item.counts[code], status, role) for code, status, role in _WRONG if item.counts[code]]
        # Both with their numbers if that fits, else the worst with its number, else its shape: never nothing.
        widths = [_MARK + 8 + metrics(SMALL, MEDIUM).horizontalAdvance(f"{number:,}") for number, _, _ in present]
        shown_wrong = present if sum(widths) <= room else present[:1]
        for (number, status, role), width in zip(shown_wrong, widths, strict=False):
            if width <= room or len(shown_wrong) > 1:
                left -= width - _MARK
                painter.setFont(font(SMALL, MEDIUM))
                painter.setPen(theme.colour(role))
                place = QRect(left, rect.top(), width - _MARK, rect.height())
                painter.drawText(mirrored(painter, rect, place), _LEFT, f"{number:,}")
            left -= _MARK
            shape = mirrored(painter, rect, QRect(left, rect.top() + 7, 14, 14))
            StatusShape.paint(painter, QRectF(shape), status)
        return left
