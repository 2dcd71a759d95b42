"""The device's own page: everything about it on one page, over one time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QStackedWidget

from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.device_page.device_view import DeviceView
from edgeyard.desktop.fleet_page.device_action import DeviceActions
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.look.shape import WORDS
from edgeyard.desktop.page import Page, Place
from edgeyard.desktop.widget.basic import ElidedLabel, button, column, panel, row
from edgeyard.desktop.widget.details_panel import StatusMark
from edgeyard.desktop.widget.empty_state import EmptyState
from edgeyard.desktop.widget.words import ago
from edgeyard.domain.device import Device, device_status
from edgeyard.domain.hardware import profile_title


class DevicePage(Page):
    """Subject: the device id."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._acts = DeviceActions(desk)
        self._view = DeviceView(desk, wide=True)
        self._mark = StatusMark()
        self._title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self._under = ElidedLabel("", role="quiet")
        words = column(self._title, self._under, spacing=2)
        labels = button("Edit labels…", lambda: self._acts.edit_labels([self._view.device_id]))
        roll = button("Roll out…", lambda: self._acts.roll_out([self._view.device_id]))
        head = row(self._mark, 10, words, 16, labels, roll, spacing=4, margins=(16, 12, 16, 8))
        head.setStretchFactor(words, 1)
        layout = column(head, self._view, margins=(1, 1, 1, 1))
        layout.setStretch(1, 1)
        gone = EmptyState(
            "unlink",
            "This device is not in the fleet",
            "It was revoked, or its name was mistyped.",
            button("Show the fleet", lambda: desk.go(Place("fleet")), primary=True),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(panel(layout))
        self._stack.addWidget(gone)
        self.setLayout(column(self._stack, margins=(12, 12, 12, 12)))
        self._view.changed.connect(self._on_changed)
        self._view.labels_asked.connect(lambda device_id: self._acts.edit_labels([device_id]))
        desk.feeds.fleet.arrived.connect(self._on_frame)

    def activate(self, subject: str) -> None:
        self._view.show_device(subject)
        self._title.setText(subject)
        self._on_frame(self.desk.feeds.fleet.latest)

    def deactivate(self) -> None:
        self._view.show_device("")

    def actions_here(self) -> Sequence[Action]:
        device_id = self._view.device_id
        return [
            Action("labels", f"Edit labels of {device_id}…", lambda: self._acts.edit_labels([device_id]), "tag", "F2"),
            Action("rollout", f"Roll out to {device_id}…", lambda: self._acts.roll_out([device_id]), "rocket"),
            Action("copy", "Copy the device id", self._copy, "copy"),
        ]

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._view.device_id)
        self.desk.say(Notice(f"Copied {self._view.device_id}."))

    def _on_frame(self, frame: object) -> None:
        known = self.desk.feeds.fleet.latest
        missing = frame is not None and known is not None and self._view.device_id not in known.row_of
        self._stack.setCurrentIndex(1 if missing else 0)

    def _on_changed(self, device: Device) -> None:
        now = self.desk.bridge.now()
        status = device_status(device, now)
        self._mark.show_status(status, WORDS[status])
        seen = "never heard" if device.last_seen_at is None else f"last seen {ago(now - device.last_seen_at)}"
        self._under.setText(f"{WORDS[status]} · {profile_title(device.hardware_profile)} · {seen}")
