"""Lists whose rows are painted: a status shape, a title with its state at the end, quiet words below."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.domain.device import DeviceStatus

Index = QModelIndex | QPersistentModelIndex
_PAD = 12
_SHAPE, _INDENT = 16, 22
_START = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
_END = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
_ELIDE = Qt.TextElideMode.ElideRight


class RowPainter(QStyledItemDelegate):
    """Ground, selection and focus of a row of `height` pixels; a subclass paints what is in it."""

    height = 52
    pad = 4
    """Above and below what is painted."""

    def paint_row(self, painter: QPainter, area: QRect, index: Index) -> None:
        """Paint the content of one row into `area`."""
        raise NotImplementedError

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(220, self.height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        rect: QRect = bare.rect
        bare.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, bare, painter, bare.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(bare.direction)
        if bare.state & QStyle.StateFlag.State_HasFocus:
            mark = QRect(rect.left(), rect.top() + 2, 2, rect.height() - 4)
            painter.fillRect(QStyle.visualRect(bare.direction, rect, mark), theme.colour("accent"))
        self.paint_row(painter, rect.adjusted(_PAD, self.pad, -_PAD, -self.pad), index)
        painter.restore()


class RowList(QListView):
    """Shows a list model's rows by a `RowPainter`."""

    def __init__(self, model: QAbstractListModel, name: str, rows: RowPainter) -> None:
        super().__init__()
        rows.setParent(self)
        self.setModel(model)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setItemDelegate(rows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)


def paint_head(
    painter: QPainter, area: QRect, status: DeviceStatus, title: str, state: str, below: str, step: int = 18
) -> QRect:
    """Shape, title, state and the line `step` pixels below them; returns where the title line lies.

    A row that has ended is history: only what needs somebody now is written in its colour.
    """
    direction = painter.layoutDirection()
    shape = QRect(area.left(), area.top() + 2, _SHAPE, _SHAPE)
    StatusShape.paint(painter, QRectF(QStyle.visualRect(direction, area, shape)), status)
    line = QStyle.visualRect(direction, area, QRect(area.left() + _INDENT, area.top(), area.width() - _INDENT, 20))
    state_width = metrics(SMALL).horizontalAdvance(state) + 4
    painter.setFont(font(BASE, MEDIUM))
    painter.setPen(theme.colour("text"))
    painter.drawText(line, _START, metrics(BASE, MEDIUM).elidedText(title, _ELIDE, line.width() - state_width - 8))
    painter.setFont(font(SMALL))
    painter.setPen(theme.colour("attention" if status is DeviceStatus.ATTENTION else "quiet"))
    painter.drawText(line, _END, state)
    painter.setPen(theme.colour("quiet"))
    under = line.translated(0, step)
    painter.drawText(under, _START, metrics(SMALL).elidedText(below, _ELIDE, under.width()))
    return line
