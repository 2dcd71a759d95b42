"""What is asked of a new study: model, data, hardware, budgets; the plan and its cost before anything starts."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSpinBox,
    QTableView,
    QWidget,
)

from edgeyard.commands.study import StudyRequest
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.optimize_page.limit_fields import LimitFields, number
from edgeyard.desktop.optimize_page.outline_table import OutlineTableModel, outline_words
from edgeyard.desktop.optimize_page.profile_list import ProfileList
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.widget.basic import button, caption, column, label, panel, row
from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.task import JobOutline

_NEEDED = (
    "A trained ONNX model and data to prove its variants with: an NPZ file with x and y, a folder with one folder of"
    " images per class, or a .csv of file,label. Nothing leaves this machine."
)
_PRUNED = (0.125, 0.25)
_GIB = 1 << 30


class SetupForm(QScrollArea):
    """Files can be dropped anywhere on it. `wanted` carries the request once the person starts it."""

    wanted = Signal(object)

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._planning: threading.Event | None = None
        self.setWidgetResizable(True)
        self.setAcceptDrops(True)
        self.setAccessibleName("New optimization")
        self.model = _line("Model file")
        self.data = _line("Data")
        self.profiles = ProfileList()
        self.max_drop = number(QDoubleSpinBox(), "Accuracy that may be lost", 0.0, 50.0, 1.0, " points")
        self.max_drop.setSingleStep(0.1)
        self.max_drop.setDecimals(1)
        self.budget = number(QSpinBox(), "Time", 5, 86_400, 120, " s")
        self.memory = number(QDoubleSpinBox(), "Memory", 0.5, 1024.0, 4.0, " GiB")
        self.memory.setDecimals(1)
        self.limits = LimitFields()
        self.prune = QCheckBox("Also try with fewer channels (structured pruning)")
        self.recipe = QPlainTextEdit()
        self.recipe.setAccessibleName("Recipe")
        self.recipe.setPlaceholderText("Empty: what suits the model and the hardware. “Plan” shows it.")
        self.recipe.setFixedHeight(92)
        self.outline = OutlineTableModel(self)
        self._table = QTableView()
        self._cost = label(role="quiet", wrap=True)
        self.trouble = TroubleLine()
        self.plan_button = button("Plan", self.plan)
        self.start_button = button("Start", self.start, primary=True)
        self._arrange()

    def _arrange(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(_name("Model", self.model), row(self.model, button("Choose…", self._choose_model), spacing=8))
        data = (button("Folder…", self._choose_folder), button("File…", self._choose_data))
        form.addRow(_name("Data", self.data), row(self.data, *data, spacing=8))
        form.addRow(_name("Hardware", self.profiles), self.profiles)
        lost = label("against the original, at most", role="quiet")
        form.addRow(_name("May lose", self.max_drop), row(self.max_drop, lost, None, spacing=8))
        limits = (self.budget, 12, label("memory", role="quiet"), self.memory)
        form.addRow(_name("At most", self.limits.file_size), self.limits)
        form.addRow(_name("Time", self.budget), row(*limits, None, spacing=8))
        form.addRow("", self.prune)
        form.addRow(_name("Recipe", self.recipe), self.recipe)
        self._table.setModel(self.outline)
        self._table.setAccessibleName("Steps of the plan")
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(28)
        self._table.setShowGrid(False)
        self._table.setSelectionMode(QTableView.SelectionMode.NoSelection)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.setMinimumHeight(196)
        self._planned = panel(column(self._table, margins=(1, 1, 1, 1)))
        self._planned.hide()
        foot = row(self._cost, None, self.plan_button, self.start_button, spacing=8)
        foot.setStretch(0, 1)
        body = column(
            label("New optimization", LARGE, weight=SEMIBOLD),
            4,
            label(_NEEDED, role="quiet", wrap=True),
            16,
            form,
            12,
            self.trouble,
            self._planned,
            8,
            foot,
            None,
            margins=(20, 16, 20, 16),
        )
        self.setWidget(ScrollBody(body))

    # --- what was entered --------------------------------------------------------------------------------------------

    def request(self) -> StudyRequest:
        """What was entered. Raises `UserError` for what is missing."""
        if not self.model.text().strip():
            raise UserError("No model is chosen.", "Choose an .onnx file, or drop one here.")
        if not self.data.text().strip():
            raise UserError("No data is chosen.", "Choose labelled data, so that every variant can be proven.")
        if not self.profiles.chosen():
            raise UserError("No hardware is chosen.", "Tick at least one kind, such as this machine.")
        return StudyRequest(
            model=Path(self.model.text().strip()).expanduser().absolute(),
            data=Path(self.data.text().strip()).expanduser().absolute(),
            profiles=self.profiles.chosen(),
            max_drop=self.max_drop.value() / 100,
            budget_s=float(self.budget.value()),
            memory_bytes=int(self.memory.value() * _GIB),
            limits=self.limits.limits(),
            prune=_PRUNED if self.prune.isChecked() else (),
            recipe=self.recipe.toPlainText() if self.recipe.toPlainText().strip() else "",
            created_at=self._bridge.now(),
        )

    def show_request(self, request: StudyRequest) -> None:
        """Begin from an earlier study."""
        self.model.setText(str(request.model))
        self.data.setText(str(request.data))
        self.profiles.choose(request.profiles)
        self.max_drop.setValue(request.max_drop * 100)
        self.budget.setValue(round(request.budget_s))
        self.memory.setValue(request.memory_bytes / _GIB)
        self.limits.show_limits(request.limits)
        self.prune.setChecked(bool(request.prune))
        self.recipe.setPlainText(request.recipe)
        self._forget_plan()

    def start(self) -> None:
        """Hand the request on, if it is complete."""
        self._do(self.wanted.emit)

    def plan(self) -> None:
        """Inspect the model and show what would run; nothing is computed yet."""
        self._do(self._begin_plan)

    def _do(self, act: object) -> None:
        self.trouble.clear()
        try:
            request = self.request()
        except UserError as error:
            self.trouble.show_error(error)
            return
        act(request)  # type: ignore[operator]

    def _begin_plan(self, request: StudyRequest) -> None:
        self.stop()
        cancel = self._planning = threading.Event()
        self.plan_button.setEnabled(False)
        self._cost.setText("Looking at the model and the data in a process of its own")

        def work(workspace: Workspace) -> JobOutline:
            from edgeyard.commands.study import outline_study

            return outline_study(workspace.folder, request, cancel=cancel)

        self._bridge.run(work, while_alive(self, self._on_planned), while_alive(self, self._on_failed))

    def _on_planned(self, outline: JobOutline) -> None:
        self._end_planning()
        self.outline.show_outline(outline)
        self._table.resizeColumnsToContents()
        self._planned.show()
        self._cost.setText(outline_words(outline))

    def _on_failed(self, error: UserError) -> None:
        given_up = self._planning is not None and self._planning.is_set()
        self._end_planning()
        if not given_up:
            self._forget_plan()
            self.trouble.show_error(error)

    def _end_planning(self) -> None:
        self._planning = None
        self.plan_button.setEnabled(True)

    def _forget_plan(self) -> None:
        self._planned.hide()
        self._cost.setText("")

    def stop(self) -> None:
        """Give up a plan that is on its way."""
        if self._planning is not None:
            self._planning.set()

    # --- files -------------------------------------------------------------------------------------------------------

    def take(self, path: Path) -> None:
        """A file or folder that was dropped: a model by its suffix, anything else is data."""
        field = self.model if path.suffix.lower() == ".onnx" else self.data
        field.setText(str(path))
        self._forget_plan()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls()[:2]:
            if url.isLocalFile():
                self.take(Path(url.toLocalFile()))
        event.acceptProposedAction()

    def _choose_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model", self.model.text(), "ONNX models (*.onnx);;All (*)")
        if path:
            self.take(Path(path))

    def _choose_data(self) -> None:
        kinds = "Data (*.npz *.csv);;All (*)"
        path, _ = QFileDialog.getOpenFileName(self, "Labelled data", self.data.text(), kinds)
        self.data.setText(path or self.data.text())

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder with one folder per class", self.data.text())
        self.data.setText(path or self.data.text())


def _line(name: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    return made


def _name(text: str, buddy: QWidget) -> QWidget:
    made = caption(text)
    made.setBuddy(buddy)
    made.setMinimumWidth(72)
    return made
