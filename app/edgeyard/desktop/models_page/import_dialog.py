"""Taking a trained model in: which file, which data, which name; what is wrong is said beside the fields."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QSpinBox,
    QWidget,
)

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.models_page.import_guess import WHAT_IS_NEEDED, ImportGuess, check_fields, guess_import
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.rule_row import NO_ARROWS
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.widget.basic import button, column, dress_number, label, row
from edgeyard.domain.error import UserError
from edgeyard.optimize.job_message import Progress

_STEPS = 1000
_MAX_VERSION = 9999


class ImportDialog(QDialog):
    """Window-modal; ends with `imported` or by being closed, which cancels an import on its way."""

    imported = Signal(int, bool)
    """The version's id, and whether it is to be optimized right away."""

    def __init__(self, bridge: Bridge, parent: QWidget, path: str = "") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import a model")
        self.setMinimumWidth(640)
        self._bridge = bridge
        self._cancel: threading.Event | None = None
        self._touched: set[QWidget] = set()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._give_up)
        self.file = _line("Model file")
        self.data = _line("Data")
        self.name = _line("Model name")
        self.version = QSpinBox()
        self.version.setRange(0, _MAX_VERSION)
        self.version.setSpecialValueText("next")
        self.version.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.version.setStyleSheet(NO_ARROWS)
        self.version.setFixedWidth(64)
        dress_number(self.version)
        self.version.setToolTip("0 or “next” takes the next free number.")
        self.version.setAccessibleName("Version")
        self.note = _line("Release note")
        self.note.setPlaceholderText("What is new in it, for whoever decides about it")
        self.optimize = QCheckBox("Optimize it for all known hardware afterwards")
        self.optimize.setChecked(True)
        self.trouble = TroubleLine()
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the import")
        self.step = label(role="quiet")
        self.go = button("Import", self._start, primary=True)
        self.close_button = button("Cancel", self.reject)
        self.setLayout(self._arrange())
        self._show_busy(busy=False)
        self.file.editingFinished.connect(self._on_file_edited)
        for field in (self.name, self.data):
            field.textEdited.connect(lambda _text, touched=field: self._touched.add(touched))
        self.version.valueChanged.connect(lambda _value: self._touched.add(self.version))
        if path:
            self.set_file(path)

    def set_file(self, path: str) -> None:
        """Choose the model file, and prefill what its name and folder tell."""
        self.file.setText(path)
        self.trouble.clear()
        self._bridge.run(lambda _workspace: guess_import(Path(path)), while_alive(self, self._prefill))

    def reject(self) -> None:
        """Close; an import on its way is given up and leaves nothing."""
        self._give_up()
        super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.go.isEnabled():
            self._start()
            return
        super().keyPressEvent(event)

    def _give_up(self) -> None:
        if self._cancel is not None:
            self._cancel.set()

    def _arrange(self) -> QHBoxLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(_name("Model file", self.file), row(self.file, button("Choose…", self._choose_file), spacing=8))
        buttons = (button("Folder…", self._choose_folder), button("NPZ file…", self._choose_npz))
        form.addRow(_name("Data", self.data), row(self.data, *buttons, spacing=8))
        numbered = row(self.name, label("version", role="quiet"), self.version, spacing=8)
        form.addRow(_name("Name", self.name), numbered)
        form.addRow(_name("Note", self.note), self.note)
        form.addRow("", self.optimize)
        foot = row(self.step, None, self.close_button, self.go, spacing=8)
        body = column(
            label("Import a model", LARGE, weight=SEMIBOLD),
            4,
            label(WHAT_IS_NEEDED, role="quiet", wrap=True),
            16,
            form,
            12,
            self.trouble,
            self.bar,
            12,
            foot,
        )
        outer = QHBoxLayout()
        outer.setContentsMargins(20, 16, 20, 16)
        outer.addLayout(body)
        return outer

    def _prefill(self, guess: ImportGuess) -> None:
        if self.name not in self._touched:
            self.name.setText(guess.name)
        if self.version not in self._touched:
            self.version.blockSignals(True)
            self.version.setValue(guess.version)
            self.version.blockSignals(False)
        if self.data not in self._touched and guess.data:
            self.data.setText(guess.data)

    def _on_file_edited(self) -> None:
        if self.file.text():
            self.set_file(self.file.text())

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Model file", self.file.text(), "ONNX models (*.onnx);;All (*)")
        if path:
            self.set_file(path)

    def _choose_folder(self) -> None:
        self._take_data(
            QFileDialog.getExistingDirectory(
                self, "Folder with the three sets, or with one folder per class", self.data.text()
            )
        )

    def _choose_npz(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Labelled data", self.data.text(), "Data sets (*.npz *.csv)")
        self._take_data(path)

    def _take_data(self, path: str) -> None:
        if path:
            self._touched.add(self.data)
            self.data.setText(path)

    def _start(self) -> None:
        self.trouble.clear()
        file, data, name = self.file.text().strip(), self.data.text().strip(), self.name.text().strip()
        try:
            check_fields(file, data, name)
        except UserError as error:
            self.trouble.show_error(error)
            return
        self._cancel = threading.Event()
        self._show_busy(busy=True)
        work = _import_work(
            Path(file), name, Path(data), self.version.value(), self.note.text(), self._cancel, self._tell
        )
        self._bridge.run(work, while_alive(self, self._on_imported), while_alive(self, self._on_failed))

    def _tell(self, progress: Progress) -> None:
        """Called on the worker."""
        show = while_alive(self, self._on_progress)
        self._bridge.post(lambda: show(progress))

    def _on_progress(self, progress: Progress) -> None:
        if self._cancel is not None and not self._cancel.is_set():
            self.bar.setValue(round(progress.fraction * _STEPS))
            self.step.setText(progress.text)

    def _on_imported(self, version_id: int) -> None:
        if self._cancel is None or self._cancel.is_set():
            return
        self._cancel = None
        self.imported.emit(version_id, self.optimize.isChecked())
        self.accept()

    def _on_failed(self, error: UserError) -> None:
        if self._cancel is None or self._cancel.is_set():
            return
        self._cancel = None
        self._show_busy(busy=False)
        self.trouble.show_error(error)

    def _show_busy(self, *, busy: bool) -> None:
        for field in (self.file, self.data, self.name, self.version, self.note, self.optimize, self.go):
            field.setEnabled(not busy)
        self.bar.setVisible(busy)
        self.bar.setValue(0)
        self.step.setText("Checking the model in a process of its own" if busy else "")


def _import_work(
    file: Path,
    name: str,
    data: Path,
    version: int,
    note: str,
    cancel: threading.Event,
    tell: Callable[[Progress], None],
) -> Callable[[Workspace], int]:
    def work(workspace: Workspace) -> int:
        from edgeyard.commands.model_command import import_model

        return import_model(workspace, file, name, data, version=version, note=note, on_progress=tell, cancel=cancel)

    return work


def _line(name: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    return made


def _name(text: str, buddy: QWidget) -> QWidget:
    made = label(text, role="quiet")
    made.setBuddy(buddy)
    made.setMinimumWidth(72)
    return made
