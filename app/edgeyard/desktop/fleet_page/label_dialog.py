"""Edit the labels of one or many devices, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QWidget

from edgeyard.desktop.look.font import LARGE, SEMIBOLD, SMALL
from edgeyard.desktop.widget.basic import button, column, label, row, set_role
from edgeyard.desktop.widget.words import count
from edgeyard.domain.device import Device
from edgeyard.domain.error import UserError

_MAX_CHARACTERS = 64
_MAX_LABELS = 32
_HOW = "One label a line, as key=value. Remove a line to take the label away."


class LabelDialog(QDialog):
    """With several devices it shows what they have in common; other labels of theirs stay."""

    accepted_changes = Signal(dict)
    """Label → new value; an empty value takes the label away."""

    def __init__(self, window: QWidget, devices: Sequence[Device]) -> None:
        super().__init__(window)
        self._before = common_labels(devices)
        name = devices[0].id if len(devices) == 1 else count(len(devices), "device")
        self.setWindowTitle(f"Labels of {name}")
        self.setAccessibleName(self.windowTitle())
        several = "Only labels that all of them share are shown; their others stay as they are. " * (len(devices) > 1)
        self.lines = QPlainTextEdit("\n".join(f"{key}={value}" for key, value in self._before.items()))
        self.lines.setAccessibleName("Labels, one key=value a line")
        self.lines.setPlaceholderText("hall=a\nline=3")
        self.lines.setMinimumHeight(140)
        self.lines.setTabChangesFocus(True)
        self._verdict = label("", SMALL, "quiet", wrap=True)
        self.save = button("Save labels", self._on_save, primary=True)
        self.setLayout(
            column(
                label(self.windowTitle(), LARGE, weight=SEMIBOLD),
                label(f"{several}{_HOW}", role="quiet", wrap=True),
                8,
                self.lines,
                self._verdict,
                8,
                row(None, button("Cancel", self.reject), self.save, spacing=8),
                spacing=4,
                margins=(20, 16, 20, 16),
            )
        )  # fmt: skip
        self.setMinimumWidth(420)
        self.lines.textChanged.connect(self._check)
        self._check()

    def changes(self) -> dict[str, str]:
        """What the text asks for. Raises `UserError` that names the line."""
        wanted = read_labels(self.lines.toPlainText())
        changed = {key: value for key, value in wanted.items() if self._before.get(key) != value}
        return changed | {key: "" for key in self._before if key not in wanted}

    def _check(self) -> None:
        try:
            changes = self.changes()
        except UserError as error:
            self._verdict.setText(f"{error.what} {error.todo}")
            set_role(self._verdict, "attention")
            self.save.setEnabled(False)
            return
        self._verdict.setText("Nothing changed yet." if not changes else f"{count(len(changes), 'change')}.")
        set_role(self._verdict, "quiet")
        self.save.setEnabled(bool(changes))

    def _on_save(self) -> None:
        self.accepted_changes.emit(self.changes())
        self.accept()


def common_labels(devices: Sequence[Device]) -> dict[str, str]:
    """Labels that all the devices have with the same value."""
    shared = dict(devices[0].labels) if devices else {}
    for device in devices[1:]:
        shared = {key: value for key, value in shared.items() if device.labels.get(key) == value}
    return shared


def read_labels(text: str) -> dict[str, str]:
    """`key=value` lines as labels; raises `UserError` for a line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key or not value:
            raise UserError(f"Line {number} is no label.", "Write it as key=value.")
        if max(len(key), len(value)) > _MAX_CHARACTERS:
            raise UserError(f"Line {number} is too long.", f"Use up to {_MAX_CHARACTERS} characters on either side.")
        if key in found:
            raise UserError(f"Line {number} sets {key} again.", "Keep one of them.")
        found[key] = value
    if len(found) > _MAX_LABELS:
        raise UserError(f"{len(found)} labels are too many.", f"Use up to {_MAX_LABELS}.")
    return found
