"""The models tree as a view: the place that versions are dragged from."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
)

from edgeyard.desktop.drag import DropPlace, version_mime
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.models_page.model_rows import HARDWARE, NAME, SIZE, Cell
from edgeyard.desktop.models_page.model_tree import CELL_ROLE, ModelTreeModel
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.drag_card import HOT_SPOT, drag_card

ROW_HEIGHT = 28
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_WIDTHS = (178, 122, 72, 130, 98, 116, 84)
_MOST_HARDWARE = 320


class VersionTree(QTreeView):
    """Shows a `ModelTreeModel`; Ctrl+C puts the version under the cursor on the clipboard."""

    chosen = Signal(str)
    """The current row changed, by its key."""

    def __init__(self, model: ModelTreeModel, place: DropPlace) -> None:
        super().__init__()
        self._rows = model
        self._place = place
        self.setModel(model)
        self.setAccessibleName("Models, versions and variants")
        self.setUniformRowHeights(True)
        self.setItemDelegate(_CellPainter(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setDefaultDropAction(Qt.DropAction.CopyAction)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIndentation(20)
        self.setAllColumnsShowFocus(True)
        header = self.header()
        header.setFont(font(SMALL, MEDIUM))
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(48)
        for column, width in enumerate(_WIDTHS):
            header.resizeSection(column, width)
        self.selectionModel().currentChanged.connect(self._on_current_changed)

    def current_key(self) -> str:
        """The key of the current row, or nothing."""
        row = self._rows.row_of(self.currentIndex())
        return row.key if row else ""

    def choose(self, key: str) -> bool:
        """Make the row with this key current and visible; False when there is none."""
        index = self._rows.index_of(key)
        if not index.isValid():
            return False
        self.setCurrentIndex(index)
        self.scrollTo(index)
        return True

    def open_keys(self) -> set[str]:
        """The keys of the rows whose children are shown."""
        return {key for key in self._rows.all_keys() if self.isExpanded(self._rows.index_of(key))}

    def open_rows(self, keys: set[str]) -> None:
        """Show the children of these rows."""
        for key in keys:
            index = self._rows.index_of(key)
            if index.isValid():
                self.expand(index)

    def copy_version(self) -> None:
        """Put the version under the cursor on the clipboard."""
        dragged = self._rows.dragged(self.currentIndex())
        if dragged is not None:
            QGuiApplication.clipboard().setMimeData(version_mime(dragged))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The list of hardware gains most by room; past that, figures had better stay near their names.
        header = self.header()
        others = sum(header.sectionSize(column) for column in range(len(_WIDTHS) - 1) if column != HARDWARE)
        room = self.viewport().width() - others - _WIDTHS[-1]
        header.resizeSection(HARDWARE, min(max(room, _WIDTHS[HARDWARE]), _MOST_HARDWARE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Qt would copy the text of the cell.
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_version()
        else:
            super().keyPressEvent(event)

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Lift the version as a card. Returns when the drag has ended."""
        del actions
        row = self._rows.row_of(self.currentIndex())
        dragged = self._rows.dragged(self.currentIndex())
        if row is None or row.version is None or dragged is None:
            return
        drag = QDrag(self)
        drag.setMimeData(version_mime(dragged))
        version = row.version
        quiet = f"{words.size(version.source_size_bytes)} · {words.count(len(version.variants), 'variant')}"
        drag.setPixmap(drag_card("package", version.label, quiet, self.devicePixelRatioF()))
        drag.setHotSpot(HOT_SPOT)
        self._place.begin(dragged)
        try:
            drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)
        finally:
            self._place.end()

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row = self._rows.row_of(current)
        self.chosen.emit(row.key if row else "")


class _CellPainter(QStyledItemDelegate):
    """Text, then its interval or unit in quiet text; figures to the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        del index
        return QSize(40, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        cell, bare.text = index.data(CELL_ROLE), ""
        widget = bare.widget
        widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, bare, painter, widget)
        if isinstance(cell, Cell):
            area = bare.rect.adjusted(8 if index.column() else 2, 0, -8, 0)
            _paint_cell(painter, mirrored(painter, bare.rect, area), cell, index.column())
        if bare.state & QStyle.StateFlag.State_HasFocus and index.column() == NAME and widget.hasFocus():
            mark = QRect(bare.rect.left(), bare.rect.top() + 2, 2, bare.rect.height() - 4)
            painter.fillRect(mirrored(painter, bare.rect, mark), theme.colour("accent"))


def _paint_cell(painter: QPainter, area: QRect, cell: Cell, column: int) -> None:
    width = metrics(BASE).horizontalAdvance(cell.text)
    gap = 6 if cell.text and cell.quiet else 0
    quiet_width = metrics(SMALL).horizontalAdvance(cell.quiet) if cell.quiet else 0
    whole, left = area, area.left()
    end = area.left() + area.width()
    if column == SIZE:
        left = max(left, end - width - gap - quiet_width)
    painter.setFont(font(BASE))
    painter.setPen(theme.colour("text"))
    shown = metrics(BASE).elidedText(cell.text, Qt.TextElideMode.ElideRight, end - left + 2)
    place = QRect(left, area.top(), end - left + 2, area.height())
    painter.drawText(mirrored(painter, whole, place), _LEFT, shown)
    left += width + gap
    if cell.quiet and left + quiet_width <= end + 2:
        painter.setFont(font(SMALL))
        painter.setPen(theme.colour("quiet"))
        place = QRect(left, area.top(), quiet_width + 2, area.height())
        painter.drawText(mirrored(painter, whole, place), _LEFT, cell.quiet)
