"""Order lab devices to measure a version: which devices, how often, and the key that vouches for the candidates."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QDialog, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from edgeyard.commands.lab_command import LAB_LABEL, LabSettings, start_lab_run
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.key_field import KeyField
from edgeyard.desktop.plan.signing_key import KeyState, make_unlock, read_key_state
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.widget.basic import button, column, dress_number, label, row
from edgeyard.desktop.widget.words import count
from edgeyard.domain.device import Device
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.model import ModelVersion
from edgeyard.store.device import list_devices

_WHAT_IT_MEANS = (
    "Each device fetches the variants for its hardware, waits until its temperature stands still, and measures them "
    "beside the original, in turn. Meanwhile the model that it runs rests. Nothing is released or installed by this."
)
_NO_DEVICES = (
    "No device is marked for the lab. Give one the label lab=yes on the Fleet page, and start its agent with --lab."
)
_MOST_DEVICES = 100
_LIST_HEIGHT = 160


@dataclass(frozen=True, slots=True)
class _Ready:
    key: KeyState
    devices: list[Device]


class LabDialog(QDialog):
    """The devices that are marked for the lab, all ticked; ordered is what is ticked."""

    def __init__(self, desk: Desk, version: ModelVersion) -> None:
        super().__init__(desk.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Measure {version.label} on lab devices")
        self.setAccessibleName(self.windowTitle())
        self.setFixedWidth(520)
        self._desk = desk
        self._version = version
        self._key_state: KeyState | None = None
        self._busy = False
        self.boxes: dict[str, QCheckBox] = {}
        self._list = QWidget()
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setMaximumHeight(_LIST_HEIGHT)
        self._scroll.setAccessibleName("Lab devices")
        self._scroll.setWidget(self._list)
        self.repetitions = QSpinBox()
        self.repetitions.setAccessibleName("Repetitions")
        self.repetitions.setRange(1, 50)
        self.repetitions.setValue(LabSettings().repetitions)
        self.repetitions.setToolTip("Six or more give an interval")
        dress_number(self.repetitions)
        self.key = KeyField()
        self.trouble = TroubleLine()
        self.step = label(role="quiet")
        self.cancel = button("Cancel", self.reject)
        self.order = button("Sign and measure", self._on_order, primary=True)
        self.order.setEnabled(False)
        self._arrange()
        self.key.submitted.connect(self._on_order)
        desk.bridge.run(_look, while_alive(self, self._on_ready), while_alive(self, self.trouble.show_error))

    def _arrange(self) -> None:
        self.setLayout(
            column(
                label(self.windowTitle(), LARGE, weight=SEMIBOLD), 4,
                label(_WHAT_IT_MEANS, role="quiet", wrap=True), 12,
                label("Devices", SMALL, "quiet", MEDIUM), 4, self._scroll, 12,
                label("Repetitions", SMALL, "quiet", MEDIUM), 4, row(self.repetitions, None), 12,
                self.key, 8, self.trouble, 8,
                row(self.step, None, self.cancel, self.order, spacing=8),
                margins=(20, 16, 20, 16),
            )
        )  # fmt: skip

    def chosen(self) -> list[str]:
        """The devices that are ticked."""
        return [device for device, box in self.boxes.items() if box.isChecked()]

    def _on_ready(self, ready: _Ready) -> None:
        self._key_state = ready.key
        self.key.show_key(ready.key)
        for device in ready.devices:
            box = QCheckBox(f"{device.id}, {profile_title(device.hardware_profile)}")
            box.setChecked(True)
            box.toggled.connect(lambda _: self._check())
            self.boxes[device.id] = box
            self._rows.addWidget(box)
        if not ready.devices:
            self._rows.addWidget(label(_NO_DEVICES, role="attention", wrap=True))
        self._rows.addStretch(1)
        self._check()
        (self.key.passphrase_field if ready.key.asks_passphrase else self.order).setFocus()

    def _check(self) -> None:
        self.order.setEnabled(self._key_state is not None and not self._busy and bool(self.chosen()))

    def _on_order(self) -> None:
        state, devices = self._key_state, self.chosen()
        if state is None or self._busy or not devices:
            return
        trouble = self.key.trouble()
        self.trouble.say(trouble)
        if trouble:
            return
        self._show_busy(busy=True)
        version, passphrase, settings = self._version, self.key.passphrase(), LabSettings(self.repetitions.value())
        tell, post = while_alive(self, self.step.setText), self._desk.bridge.post

        def work(workspace: Workspace) -> None:
            unlock = make_unlock(state, passphrase)
            start_lab_run(
                workspace, version, devices, unlock, settings=settings, on_text=lambda text: post(lambda: tell(text))
            )

        ordered = f"{count(len(devices), 'lab device')} will measure {version.label}."
        self._desk.bridge.run(
            work, while_alive(self, lambda _: self._on_ordered(ordered)), while_alive(self, self._on_failed)
        )

    def _on_ordered(self, words: str) -> None:
        self.key.forget()
        self._desk.say(Notice(words))
        self.accept()

    def _on_failed(self, error: UserError) -> None:
        self._show_busy(busy=False)
        self.trouble.show_error(error)

    def _show_busy(self, *, busy: bool) -> None:
        self._busy = busy
        self.key.setEnabled(not busy)
        self._scroll.setEnabled(not busy)
        self._check()
        self.step.setText("Opening the key" if busy else "")


def _look(workspace: Workspace) -> _Ready:
    with workspace.database.read() as connection:
        marked = [
            device for device in list_devices(connection) if LAB_LABEL in device.labels and device.revoked_at is None
        ]
    return _Ready(read_key_state(workspace), marked[:_MOST_DEVICES])
