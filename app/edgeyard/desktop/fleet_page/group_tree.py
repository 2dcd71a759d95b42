"""The groups as a tree with counts: choose one to see only its devices, drop a version on one to plan a rollout."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtWidgets import QAbstractItemView, QToolTip, QTreeWidget, QTreeWidgetItem, QTreeWidgetItemIterator

from edgeyard.desktop.drag import UNDECIDED, DropPlace, read_version
from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.fleet_page.group_item import ROLE, GroupDelegate, GroupItem
from edgeyard.desktop.fleet_page.table_model import DEVICES_MIME
from edgeyard.desktop.group_frame import GroupFrame, GroupView
from edgeyard.domain.device import STATUS_ORDER

_MAX_DROPPED = 100_000


class GroupTree(QTreeWidget):
    """Id 0 is “All devices”."""

    picked = Signal(int)
    asked = Signal(int, QPoint)
    """Context menu of a group (global position)."""
    edited = Signal(int)
    deleted = Signal(int)
    devices_dropped = Signal(int, list)

    def __init__(self, drop: DropPlace) -> None:
        super().__init__()
        self._drop = drop
        self._delegate = GroupDelegate(drop)
        self._views: dict[int, GroupView] = {}
        self._items: dict[int, QTreeWidgetItem] = {}
        self._outline: tuple[tuple[int, int | None], ...] | None = None
        self._quiet = False
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("Groups")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(True)
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentItemChanged.connect(self._on_current_changed)
        self.customContextMenuRequested.connect(self._on_menu)
        drop.answers_changed.connect(self._on_answers_changed)

    # --- content -------------------------------------------------------------------------------------------------

    def show_groups(self, frame: GroupFrame, fleet: FleetFrame) -> None:
        """Take over the groups and their counts."""
        self._views = {view.group.id: view for view in frame.views}
        outline = tuple((view.group.id, view.group.parent_id) for view in frame.views)
        if outline != self._outline:
            self._rebuild(frame)
            self._outline = outline
        everything = tuple(fleet.count(status) for status in STATUS_ORDER)
        self._fill(GroupItem(0, "All devices", "all", production=False, devices=len(fleet), counts=everything))
        for view in frame.views:
            group = view.group
            self._fill(
                GroupItem(group.id, group.name, group.kind, group.production, view.devices, view.counts, view.trouble)
            )

    def view_of(self, group_id: int) -> GroupView | None:
        """The group's latest count."""
        return self._views.get(group_id)

    def current_group(self) -> int:
        """The chosen group, 0 for all devices."""
        item = self.currentItem()
        return _id_of(item) if item is not None else 0

    def pick(self, group_id: int) -> None:
        """Choose a group without telling anyone."""
        item = self._items.get(group_id)
        if item is not None:
            self._quiet = True
            self.setCurrentItem(item)
            self._quiet = False

    def _rebuild(self, frame: GroupFrame) -> None:
        chosen = self.current_group()
        closed = {group_id for group_id, item in self._items.items() if not item.isExpanded() and item.childCount()}
        self._quiet = True
        self.clear()
        self._items = {0: QTreeWidgetItem(self)}
        waiting = list(frame.views)
        while waiting:
            left = [view for view in waiting if not self._add(view)]
            if len(left) == len(waiting):
                break
            waiting = left
        for group_id, item in self._items.items():
            item.setExpanded(group_id not in closed)
        self.setCurrentItem(self._items.get(chosen, self._items[0]))
        self._quiet = False

    def _add(self, view: GroupView) -> bool:
        parent_id = view.group.parent_id
        if parent_id is None:
            self._items[view.group.id] = QTreeWidgetItem(self)
        elif parent_id in self._items:
            self._items[view.group.id] = QTreeWidgetItem(self._items[parent_id])
        else:
            return False
        return True

    def _fill(self, shown: GroupItem) -> None:
        item = self._items.get(shown.id)
        if item is not None and item.data(0, ROLE) != shown:
            item.setData(0, ROLE, shown)
            item.setData(0, int(Qt.ItemDataRole.AccessibleTextRole), shown.words)
            item.setToolTip(0, shown.words)

    # --- choosing ------------------------------------------------------------------------------------------------

    def _on_current_changed(self) -> None:
        if not self._quiet:
            self.picked.emit(self.current_group())

    def _on_menu(self, point: QPoint) -> None:
        item = self.itemAt(point)
        self.asked.emit(_id_of(item) if item is not None else 0, self.viewport().mapToGlobal(point))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        group_id = self.current_group()
        if event.matches(QKeySequence.StandardKey.Paste):
            self._paste(group_id)
        elif event.key() == Qt.Key.Key_F2 and group_id:
            self.edited.emit(group_id)
        elif event.key() == Qt.Key.Key_Delete and group_id:
            self.deleted.emit(group_id)
        else:
            super().keyPressEvent(event)

    def _paste(self, group_id: int) -> None:
        version = read_version(QGuiApplication.clipboard().mimeData())
        if version is not None and group_id:
            self._drop.drop(version, group_id)

    # --- drags ---------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        version = read_version(event.mimeData())
        if version is not None:
            self._drop.begin(version)
        if version is not None or event.mimeData().hasFormat(DEVICES_MIME):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        group_id = self._group_at(event.position().toPoint())
        self._aim(group_id)
        accepts, words = self._answer(event, group_id)
        QToolTip.showText(self.mapToGlobal(event.position().toPoint() + QPoint(12, 16)), words, self)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.setAccepted(accepts)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        del event
        self._aim(-1)
        QToolTip.hideText()

    def dropEvent(self, event: QDropEvent) -> None:
        group_id = self._group_at(event.position().toPoint())
        self._aim(-1)
        QToolTip.hideText()
        accepts, _ = self._answer(event, group_id)
        if not accepts:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        version = read_version(event.mimeData())
        if version is not None:
            self._drop.drop(version, group_id)
            return
        data = bytes(event.mimeData().data(DEVICES_MIME).data())[: _MAX_DROPPED * 64]
        self.devices_dropped.emit(group_id, data.decode("utf-8", "replace").split("\n"))

    def _answer(self, event: QDropEvent, group_id: int) -> tuple[bool, str]:
        if group_id <= 0:
            return False, "Drop it on a group."
        if read_version(event.mimeData()) is not None:
            answer = self._drop.answer(group_id) if self._drop.ready else UNDECIDED
            return answer.accepts, answer.words
        view = self._views.get(group_id)
        if view is None or view.group.kind != "static":
            return False, "This group fills itself by its filter. Drop devices on a list."
        return True, f"Add to {view.group.name}"

    def _group_at(self, point: QPoint) -> int:
        item = self.itemAt(point)
        return _id_of(item) if item is not None else -1

    def _aim(self, group_id: int) -> None:
        if group_id != self._delegate.target:
            self._delegate.target = group_id
            self.viewport().update()

    def _on_answers_changed(self) -> None:
        self.viewport().update()

    def items(self) -> list[GroupItem]:
        """All rows from top to bottom, as shown."""
        found = []
        iterator = QTreeWidgetItemIterator(self)
        while iterator.value() is not None:
            found.append(iterator.value().data(0, ROLE))
            iterator += 1
        return found


def _id_of(item: QTreeWidgetItem) -> int:
    shown = item.data(0, ROLE)
    return shown.id if isinstance(shown, GroupItem) else 0
