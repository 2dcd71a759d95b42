"""Order lab devices to measure a version: which devices, how often, and the key that vouches for the candidates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QCheckBox, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from edgeyard.commands.lab_command import LAB_LABEL, LabSettings, start_lab_run
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.look.font import MEDIUM, SMALL
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.key_dialog import KeyDialog, Work
from edgeyard.desktop.plan.signing_key import KeyState, read_key_state
from edgeyard.desktop.widget.basic import dress_number, label, row
from edgeyard.desktop.widget.words import count
from edgeyard.domain.device import Device
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.model import ModelVersion
from edgeyard.store.device import list_devices
from edgeyard.trust.key_vault import Unlock

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


class LabDialog(KeyDialog):
    """The devices that are marked for the lab, all ticked; ordered is what is ticked."""

    def __init__(self, desk: Desk, version: ModelVersion) -> None:
        super().__init__(desk, f"Measure {version.label} on lab devices", "Sign and measure")
        self._version = version
        self.boxes: dict[str, QCheckBox] = {}
        self._list = QWidget()
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setMaximumHeight(_LIST_HEIGHT)
        scroll.setAccessibleName("Lab devices")
        scroll.setWidget(self._list)
        self.repetitions = QSpinBox()
        self.repetitions.setAccessibleName("Repetitions")
        self.repetitions.setRange(1, 50)
        self.repetitions.setValue(LabSettings().repetitions)
        self.repetitions.setToolTip("Six or more give an interval")
        dress_number(self.repetitions)
        self._arrange(
            _WHAT_IT_MEANS,
            label("Devices", SMALL, "quiet", MEDIUM), 4, scroll, 12,
            label("Repetitions", SMALL, "quiet", MEDIUM), 4, row(self.repetitions, None), 12,
        )  # fmt: skip
        desk.bridge.run(_look, while_alive(self, self._on_ready), while_alive(self, self.trouble.show_error))

    def chosen(self) -> list[str]:
        """The devices that are ticked."""
        return [device for device, box in self.boxes.items() if box.isChecked()]

    def _obstacle(self) -> bool:
        return not self.chosen()

    def _on_ready(self, ready: _Ready) -> None:
        for device in ready.devices:
            box = QCheckBox(f"{device.id}, {profile_title(device.hardware_profile)}")
            box.setChecked(True)
            box.toggled.connect(lambda _: self._check())
            self.boxes[device.id] = box
            self._rows.addWidget(box)
        if not ready.devices:
            self._rows.addWidget(label(_NO_DEVICES, role="attention", wrap=True))
        self._rows.addStretch(1)
        self._show_key(ready.key)

    def _prepare(self) -> tuple[Work, str]:
        version, devices, settings = self._version, self.chosen(), LabSettings(self.repetitions.value())

        def work(workspace: Workspace, unlock: Unlock, tell: Callable[[str], None]) -> None:
            start_lab_run(workspace, version, devices, unlock, settings=settings, on_text=tell)

        return work, f"{count(len(devices), 'lab device')} will measure {version.label}."

    def _show_busy(self, *, busy: bool) -> None:
        self._list.setEnabled(not busy)
        super()._show_busy(busy=busy)


def _look(workspace: Workspace) -> _Ready:
    with workspace.database.read() as connection:
        marked = [
            device for device in list_devices(connection) if LAB_LABEL in device.labels and device.revoked_at is None
        ]
    return _Ready(read_key_state(workspace), marked[:_MOST_DEVICES])
