"""The table view over the devices of a rollout, with its filter box."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.rollouts_page.execution_table import (
    COLUMNS,
    DEVICE,
    REASON,
    ROW_ROLE,
    STATE,
    WAVE,
    ExecutionTableModel,
)
from edgeyard.desktop.rollouts_page.picture import CellKind, DeviceRow, RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import KIND_STATUS
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import column, label, row

_ROW_HEIGHT = 28
_WIDTHS = (152, 60, 108, 86, 262, 120)


class ExecutionView(QWidget):
    """Filter above, rows below; keeps the chosen device over readings."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model = ExecutionTableModel(self)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: a name, wave 2, a state, words of the reason")
        self.filter.setAccessibleName("Filter devices")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._on_filter)
        self._count = label(role="quiet")
        self.table = _make_table(self.model)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        head = row(self.filter, self._count, spacing=12, margins=(12, 8, 12, 8))
        head.setStretch(0, 1)
        layout = column(head, self.table)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._chosen = ""
        self._quiet = False

    def show_picture(self, picture: RolloutPicture) -> None:
        """Take over a reading."""
        self._keep(lambda: self.model.show_picture(picture))

    def choose(self, device_id: str) -> None:
        """Make a device current; nothing when it is filtered out."""
        self._chosen = device_id
        place = self.model.place_of(device_id)
        if place >= 0:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0))

    def _on_filter(self, text: str) -> None:
        self._keep(lambda: self.model.set_filter(text))

    def _keep(self, change: Callable[[], None]) -> None:
        """Put the chosen row back after `change`, without telling anyone."""
        offset, self._quiet = self.table.verticalScrollBar().value(), True
        change()
        place = self.model.place_of(self._chosen)
        if place >= 0:
            self.table.selectRow(place)
        self.table.verticalScrollBar().setValue(offset)
        self._quiet = False
        self._count.setText(words.count(self.model.rowCount(), "device"))

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        found = self.model.row_at(current)
        if found is not None and not self._quiet:
            self._chosen = found.device_id
            self.chosen.emit(found.device_id)


def _make_table(model: ExecutionTableModel) -> QTableView:
    table = QTableView()
    table.setModel(model)
    table.setAccessibleName("Devices of the rollout")
    table.setItemDelegate(_CellPainter(table))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.setCornerButtonEnabled(False)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setCornerWidget(QWidget())
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setFont(font(SMALL, MEDIUM))
    header.setHighlightSections(False)
    header.setMinimumSectionSize(48)
    for number, width in enumerate(_WIDTHS):
        table.setColumnWidth(number, width)
    header.setSectionResizeMode(REASON, QHeaderView.ResizeMode.Stretch)
    header.setSortIndicator(WAVE, Qt.SortOrder.AscendingOrder)
    table.setSortingEnabled(True)
    return table


class _CellPainter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        del option, index
        return QSize(60, _ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        found = index.data(ROW_ROLE)
        if not isinstance(found, DeviceRow):
            return
        area: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, theme.colour("selected"))
        if option.state & QStyle.StateFlag.State_HasFocus:
            mark = QRect(area.left(), area.top() + 2, 2, area.height() - 4)
            painter.fillRect(mirrored(painter, area, mark), theme.colour("accent"))
        inner = area.adjusted(8, 0, -8, 0)
        text = str(index.data() or "")
        bad = found.kind is CellKind.BAD
        if index.column() == STATE:
            shape = mirrored(painter, inner, QRect(inner.left(), inner.top() + 6, 16, 16))
            StatusShape.paint(painter, QRectF(shape), KIND_STATUS[found.kind])
            inner = mirrored(painter, inner, inner.adjusted(22, 0, 0, 0))
        painter.setFont(font(BASE))
        painter.setPen(theme.colour("alarm" if bad and index.column() == STATE else _INK.get(index.column(), "text")))
        # Devices of one kind differ in the last letters of their names.
        mode = Qt.TextElideMode.ElideMiddle if index.column() == DEVICE else Qt.TextElideMode.ElideRight
        shown = metrics(BASE).elidedText(text, mode, inner.width())
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter), shown)


_INK = {COLUMNS.index("Since"): "quiet", COLUMNS.index("Wave"): "quiet"}
