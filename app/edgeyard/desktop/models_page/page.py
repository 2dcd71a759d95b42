"""The Models page: the tree on the left, the chosen row's details on the right, groups while a version is dragged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QWidget

from edgeyard.desktop.action import Action, fill_menu
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.feed import Feed
from edgeyard.desktop.models_page.deletion import purge_library
from edgeyard.desktop.models_page.details import ModelDetails
from edgeyard.desktop.models_page.import_dialog import ImportDialog
from edgeyard.desktop.models_page.lab_actions import lab_actions
from edgeyard.desktop.models_page.lab_facts import LabPicture, read_lab
from edgeyard.desktop.models_page.model_actions import start_optimization, version_actions, write_note
from edgeyard.desktop.models_page.model_rows import Row, worth_opening
from edgeyard.desktop.models_page.model_tree import ModelTreeModel
from edgeyard.desktop.models_page.reading import onnx_in, read_running, read_version
from edgeyard.desktop.models_page.use_menu import use_menu, use_refusal
from edgeyard.desktop.models_page.version_tree import VersionTree
from edgeyard.desktop.page import Page
from edgeyard.desktop.plan.group_targets import GroupTargets
from edgeyard.desktop.widget.basic import button, column, label, panel, row
from edgeyard.desktop.widget.empty_state import EmptyState
from edgeyard.desktop.widget.skeleton import Skeleton
from edgeyard.domain.model import ModelVersion
from edgeyard.store.model import ModelSummary

_COUNT_EVERY_S = 3.0
_HINT = "Drag a version onto a group to plan a rollout. Drop an .onnx file here to import it."


class ModelsPage(Page):
    """Subjects: nothing, `name`, or `name/3`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.setAcceptDrops(True)
        self.model = ModelTreeModel(self)
        self.tree = VersionTree(self.model, desk.drop)
        self.details = ModelDetails()
        self.targets = GroupTargets(desk.drop, self)
        self._running: Mapping[str, int] = {}
        self._lab = LabPicture()
        self._counts: Feed | None = None
        self._lab_feed: Feed | None = None
        self._wanted = ""
        self._opened_once = False
        self._stack = QStackedWidget()
        self._arrange()
        self._connect()
        self.details.hide()

    def _arrange(self) -> None:
        self._import = button("Import…", self.import_model, primary=True)
        head = row(label(_HINT, role="quiet"), None, self._import, spacing=8)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(8)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(panel(column(self.tree, margins=(1, 1, 1, 1))))
        self._split.addWidget(self.details)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([820, 360])
        state = self.desk.memory.state("models/split")
        if not state.isEmpty():
            self._split.restoreState(state)
        empty = EmptyState(
            "box",
            "No models yet",
            "A model is a trained ONNX file with labelled data to prove it. Import one to see what it needs on each "
            "kind of hardware, then drag it onto a group of devices.",
            button("Import a model…", self.import_model, primary=True),
        )
        for widget in (Skeleton("Models"), self._split, empty):
            self._stack.addWidget(widget)
        layout = column(head, self._stack, spacing=12, margins=(16, 12, 16, 16))
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def _connect(self) -> None:
        self.tree.chosen.connect(self._on_chosen)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._open_menu)
        self.details.close_wanted.connect(self.close_details)
        self.details.note_written.connect(self._on_note_written)
        self.desk.feeds.models.arrived.connect(self._on_read)
        self.desk.feeds.groups.arrived.connect(self._on_groups)

    # --- Page --------------------------------------------------------------------------------------------------------

    def activate(self, subject: str) -> None:
        self._wanted = subject
        if self._counts is None:
            self._counts = self.desk.bridge.feed("running", read_running, {"models"}, every_s=_COUNT_EVERY_S)
            self._counts.arrived.connect(self._on_counted)
            self._lab_feed = self.desk.bridge.feed("lab runs", read_lab, {"lab"})
            self._lab_feed.arrived.connect(self._on_lab)
        if not self._opened_once:
            self._opened_once = True
            self.desk.bridge.run(purge_library)
        self._on_groups(self.desk.feeds.groups.latest)
        self._show()

    def deactivate(self) -> None:
        for feed in (self._counts, self._lab_feed):
            if feed is not None:
                feed.close()
        self._counts = self._lab_feed = None

    def heading(self) -> str:
        chosen = self.chosen()
        return chosen.cells[0].text if chosen else ""

    def actions_here(self) -> Sequence[Action]:
        copied = Action(
            "copy-version", "Copy the version", self.tree.copy_version, "copy", "Ctrl+C", self._copy_refusal
        )
        taken = Action("import", "Import a model…", self.import_model, "upload", "Ctrl+I", words="onnx add new")
        version = self._version()
        lab = lab_actions(self.desk, version, self._lab)
        return [taken, *version_actions(self.desk, version), self._use_action(), *lab, copied]

    def regions(self) -> Sequence[QWidget]:
        return (self.tree, self.details)

    def close_details(self) -> bool:
        visible = self.details.isVisible()
        self.details.hide()
        return visible

    def save(self) -> None:
        self.desk.memory.put("models/split", self._split.saveState())

    # --- reading -----------------------------------------------------------------------------------------------------

    def _on_read(self, _models: Any) -> None:
        self._show()

    def _on_counted(self, running: Mapping[str, int]) -> None:
        self._running = running
        self._show()

    def _on_lab(self, lab: LabPicture) -> None:
        self._lab = lab
        self._show_details()

    def _on_groups(self, frame: Any) -> None:
        if frame is not None:
            self.targets.show_groups([(view.group, view.devices) for view in frame.views])

    def _show(self) -> None:
        models: list[ModelSummary] | None = self.desk.feeds.models.latest
        # Rows must not move while one of them is in the air.
        if models is None or self.desk.drop.version is not None:
            return
        self._stack.setCurrentIndex(1 if models else 2)
        self._import.setVisible(bool(models))
        opened, current = self.tree.open_keys(), self.tree.current_key()
        known = set(self.model.all_keys())
        self.model.show_models(models, self._running)
        self.tree.open_rows(opened | (worth_opening(models) - known))
        if current:
            self.tree.choose(current)
        self._follow_wish(models)
        self._show_details()

    def _follow_wish(self, models: Sequence[ModelSummary]) -> None:
        name, _, number = self._wanted.partition("/")
        for model in models:
            for version in model.versions if model.name == name else ():
                if str(version.version) == number:
                    self._wanted = ""
                    self.tree.choose(f"v:{version.id}")
                    return
            if model.name == name and not number:
                self._wanted = ""
                self.tree.choose(f"m:{name}")

    # --- the chosen row ----------------------------------------------------------------------------------------------

    def chosen(self) -> Row | None:
        """The row that is chosen."""
        return self.model.row_of(self.tree.currentIndex())

    def _version(self) -> ModelVersion | None:
        chosen = self.chosen()
        return chosen.version if chosen else None

    def _on_chosen(self, key: str) -> None:
        self.details.setVisible(bool(key))
        self._show_details()
        version = self._version()
        if version is not None and not self._wanted:
            self.moved.emit(f"{version.model}/{version.version}")

    def _show_details(self) -> None:
        chosen = self.chosen()
        if chosen is None:
            self.details.hide()
        elif self.details.isVisible() or not self.isVisible():
            self.details.show_row(chosen, self._running, version_actions(self.desk, chosen.version), self._lab)

    def _on_note_written(self, note: str) -> None:
        version = self._version()
        if version is not None:
            write_note(self.desk, version, note)

    def _use_action(self) -> Action:
        refusal = lambda: use_refusal(self.chosen())  # noqa: E731
        return Action("use-variant", "Use this variant for…", self.use_variant, "check", "", refusal, "pick choose")

    def use_variant(self) -> QMenu | None:
        """Ask for which hardware the chosen variant is."""
        chosen = self.chosen()
        if chosen is None or chosen.version is None or chosen.variant is None:
            return None
        menu = use_menu(self.desk, chosen.version, chosen.variant, self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.tree.viewport().mapToGlobal(self.tree.visualRect(self.tree.currentIndex()).bottomLeft()))
        return menu

    def _copy_refusal(self) -> str:
        return "" if self._version() else "Choose a version first."

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        version = self._version()
        taken, *_, copied = self.actions_here()
        *others, delete = version_actions(self.desk, version)
        lab = lab_actions(self.desk, version, self._lab)
        fill_menu(menu, [*others, self._use_action(), copied, None, *lab, None, delete, None, taken])
        menu.popup(self.tree.viewport().mapToGlobal(place))

    # --- importing ---------------------------------------------------------------------------------------------------

    def import_model(self, path: str = "") -> ImportDialog:
        """Open the import dialog, for this file if one is given."""
        dialog = ImportDialog(self.desk.bridge, self.desk.window, path)
        dialog.imported.connect(self._on_imported)
        dialog.open()
        return dialog

    def _on_imported(self, version_id: int, optimize: bool) -> None:
        def show(version: ModelVersion | None) -> None:
            if version is None:
                return
            self._wanted = f"{version.model}/{version.version}"
            self._show()
            if optimize:
                start_optimization(self.desk, version)

        self.desk.bridge.run(lambda workspace: read_version(workspace, version_id), show, self.desk.complain)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if onnx_in(event.mimeData()) and self.desk.drop.version is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = onnx_in(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.import_model(path)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        height = self.height() - 28
        left = (
            16 if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else self.width() - 16 - self.targets.width()
        )
        self.targets.setGeometry(left, 12, self.targets.width(), height)
