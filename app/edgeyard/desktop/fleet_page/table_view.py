"""The device table: selection by device id, rows that hold still while they are pointed at, columns that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDrag,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.fleet_page.cell_painter import ROW_HEIGHT, CellPainter
from edgeyard.desktop.fleet_page.device_column import COLUMNS, fit_widths
from edgeyard.desktop.fleet_page.row_picture import RowPictures
from edgeyard.desktop.fleet_page.table_model import FleetTableModel
from edgeyard.desktop.look import theme
from edgeyard.desktop.widget.drag_card import HOT_SPOT, drag_card
from edgeyard.desktop.widget.words import count

_SETTLE_MS = 1500
"""Rows that changed their rank move this long after one another at the earliest, and never under the pointer."""


class DeviceTable(QTableView):
    """Shows a `FleetTableModel`."""

    chosen = Signal(list)
    """Device ids of the selection, after a person changed it."""
    opened = Signal(str)
    """Enter or double click on a device."""
    asked = Signal(QPoint)
    """The context menu is wanted here (global position)."""
    copied = Signal()
    """Ctrl+C: the selection's ids are wanted on the clipboard."""
    relabelled = Signal()
    """F2: the selection's labels are to be edited."""
    settled = Signal(bool)
    """Whether the rows are in their order, or held still with some waiting to move."""

    def __init__(self, model: FleetTableModel) -> None:
        super().__init__()
        self.fleet = model
        self._selected: list[str] = []
        self._marked: frozenset[str] = frozenset()
        """The same, for painting."""
        self._restoring = False
        self._cells = CellPainter(model)
        self.pictures = RowPictures(model, self._cells)
        self.setModel(model)
        self._set_looks()
        self._set_header()
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.doubleClicked.connect(lambda index: self.opened.emit(model.device_id(index.row())))
        self.customContextMenuRequested.connect(lambda point: self.asked.emit(self.viewport().mapToGlobal(point)))
        self._settling = QTimer(self)
        self._settling.setInterval(_SETTLE_MS)
        self._settling.timeout.connect(self.settle)

    def _set_looks(self) -> None:
        self.setAccessibleName("Devices")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setMouseTracking(True)
        # All of it is painted here, so that scrolling may move what is there and paint only what comes in.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)

    def _set_header(self) -> None:
        header = self.horizontalHeader()
        header.setAccessibleName("Columns")
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setMinimumSectionSize(56)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setStretchLastSection(False)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        # Its own, always empty: else it asks for every selected cell whether a whole column is, at each change.
        header.setSelectionModel(QItemSelectionModel(self.fleet, header))
        header.setSortIndicator(self.fleet.sort_column, Qt.SortOrder.AscendingOrder)
        header.sortIndicatorChanged.connect(self._on_sort)

    # --- figures, filter and order -------------------------------------------------------------------------------

    def show_frame(self, frame: FleetFrame) -> None:
        """Take over newer figures; the rows move later, if they must and may."""
        self._keeping(lambda: self.fleet.show_frame(frame))
        if not self._settling.isActive() and self.isVisible():
            self._settling.start()

    def arrange(self) -> None:
        """Apply filter and order now: the person asked for it."""
        self._keeping(self.fleet.arrange)
        self.settled.emit(True)

    def settle(self) -> None:
        """Apply filter and order unless somebody points at a row, drags, or has a menu open."""
        self._settling.stop()
        if self.is_held():
            settled = self.fleet.is_settled()
            self.settled.emit(settled)
            if not settled:
                self._settling.start()
            return
        self.arrange()

    def is_held(self) -> bool:
        """Whether rows must stay where they are."""
        busy = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        return busy or self._cells.hovered >= 0 or self.state() != self.State.NoState

    def set_stale(self, stale: bool) -> None:
        """Grey everything: this is the last known picture."""
        self._cells.stale = stale
        self.viewport().update()

    # --- selection -----------------------------------------------------------------------------------------------

    def selected_ids(self) -> list[str]:
        """Ids of the selected devices, shown or filtered out."""
        return list(self._selected)

    def current_id(self) -> str:
        """The device the keyboard is on."""
        index = self.currentIndex()
        return self.fleet.device_id(index.row()) if index.isValid() and index.row() < len(self.fleet.order) else ""

    def select(self, device_ids: Iterable[str], *, scroll: bool = True) -> None:
        """Select devices by id; those that are filtered out stay selected without being seen."""
        self._note(device_ids)
        rows = self._apply_selection(self._selected[-1] if self._selected else "")
        if scroll and rows:
            self.scrollTo(self.fleet.index(rows[-1], 0))

    def _note(self, device_ids: Iterable[str]) -> None:
        self._selected = list(device_ids)
        self._marked = frozenset(self._selected)
        self.viewport().update()

    def _keeping(self, change: Callable[[], bool]) -> None:
        """Run `change`; where it moved rows, put selection, current row and scroll position back by device id."""
        current, selected = self.current_id(), self._selected
        offset = self.verticalScrollBar().value()
        self._restoring = True
        moved = change()
        self._restoring = False
        if moved:
            self._note(selected)
            self._apply_selection(current)
            self.verticalScrollBar().setValue(offset)
            self._hover_at(self.viewport().mapFromGlobal(self.cursor().pos()))

    def _apply_selection(self, current: str) -> list[int]:
        shown = self.fleet.shown_rows([*self._selected, current])
        rows = [shown[device_id] for device_id in self._selected if device_id in shown]
        selection, last = QItemSelection(), len(COLUMNS) - 1
        for first, end in _stretches(sorted(rows)):
            selection.select(self.fleet.index(first, 0), self.fleet.index(end, last))
        self._restoring = True
        model = self.selectionModel()
        model.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if current in shown:
            model.setCurrentIndex(self.fleet.index(shown[current], 0), QItemSelectionModel.SelectionFlag.NoUpdate)
        self._restoring = False
        return rows

    def _on_selection_changed(self) -> None:
        if self._restoring:
            return
        # Whole rows are selected, so the ranges say it all; asking for each row's index takes a second at 10,000.
        chosen = self.selectionModel().selection()
        parts = [chosen.at(number) for number in range(chosen.size())]
        rows = sorted({row for part in parts for row in range(part.top(), part.bottom() + 1)})
        self._note(self.fleet.device_id(row) for row in rows)
        self.chosen.emit(self.selected_ids())

    def _on_sort(self, column: int, order: Qt.SortOrder) -> None:
        def sort() -> bool:
            self.fleet.sort(column, order)
            return True

        self._keeping(sort)
        self.scrollToTop()

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Lift the selected devices that are shown, as a card. Returns when the drag has ended.

        Qt's own would ask for every cell of the selection, which takes half a second at 10,000 rows.
        """
        del actions
        shown = self.fleet.shown_rows(self._selected)
        ids = sorted(shown, key=shown.__getitem__)
        if not ids:
            return
        title = ids[0] if len(ids) == 1 else count(len(ids), "device")
        drag = QDrag(self)
        drag.setMimeData(self.fleet.mime_of(ids))
        drag.setPixmap(drag_card("cpu", title, "Drop on a list of devices", self.devicePixelRatioF()))
        drag.setHotSpot(HOT_SPOT)
        drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)

    # --- pointer and keys ----------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover_at(event.position().toPoint())
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.current_id():
            self.opened.emit(self.current_id())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.relabelled.emit()
        elif event.key() == Qt.Key.Key_Menu and self.currentIndex().isValid():
            self.asked.emit(self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).bottomLeft()))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        # Not by QTableView: it asks model and delegate for every cell, which costs more than all else in the window.
        painter = QPainter(self.viewport())
        self.pictures.paint(painter, self, event.rect(), self._marked)
        index = self.currentIndex()
        if self.hasFocus() and index.isValid():
            painter.setPen(QPen(theme.colour("accent"), 2))
            top = self.rowViewportPosition(index.row())
            painter.drawRect(1, top + 1, self.viewport().width() - 2, ROW_HEIGHT - 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    def fit_columns(self) -> None:
        """Leave out the columns that matter least until the rest fits."""
        widths = fit_widths(self.viewport().width())
        for number in range(len(COLUMNS)):
            self.setColumnHidden(number, number not in widths)
            if number in widths:
                self.setColumnWidth(number, widths[number])

    def _hover_at(self, point: QPoint) -> None:
        inside = self.viewport().rect().contains(point) and self.viewport().underMouse()
        self._hover(self.indexAt(point).row() if inside else -1)

    def _hover(self, row: int) -> None:
        if row != self._cells.hovered:
            for changed in (row, self._cells.hovered):
                if changed >= 0:
                    self.viewport().update(0, self.rowViewportPosition(changed), self.viewport().width(), ROW_HEIGHT)
            self._cells.hovered = row


def _stretches(rows: list[int]) -> list[tuple[int, int]]:
    """Consecutive rows as (first, last)."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
