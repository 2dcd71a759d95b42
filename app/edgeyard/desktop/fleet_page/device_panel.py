"""One device beside the fleet: closes with Esc, opens into its own page."""

from __future__ import annotations

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.device_page.device_view import DeviceView
from edgeyard.desktop.fleet_page.device_action import DeviceActions
from edgeyard.desktop.look.shape import WORDS
from edgeyard.desktop.page import Place
from edgeyard.desktop.widget.basic import tool_button
from edgeyard.desktop.widget.details_panel import DetailsPanel
from edgeyard.desktop.widget.words import ago
from edgeyard.domain.device import Device, device_status


class DevicePanel(DetailsPanel):
    """Shows the device that is selected."""

    def __init__(self, desk: Desk, acts: DeviceActions) -> None:
        self._view = DeviceView(desk, wide=False)
        self._desk = desk
        self._acts = acts
        open_page = tool_button("maximize-2", "Open the device's own page (Enter)", self._open)
        copy = tool_button("copy", "Copy the device id", lambda: acts.copy([self._view.device_id]))
        super().__init__(self._view, copy, open_page, name="Device details")
        self._view.changed.connect(self._on_changed)
        self._view.labels_asked.connect(lambda device_id: acts.edit_labels([device_id]))

    def show_device(self, device_id: str) -> None:
        """Show this device, or let go of the one that is shown."""
        if device_id:
            self.title.setText(device_id)
            self.under.setText("")
        self._view.show_device(device_id)

    def _open(self) -> None:
        self._desk.go(Place("device", self._view.device_id))

    def _on_changed(self, device: Device) -> None:
        now = self._desk.bridge.now()
        status = device_status(device, now)
        self.mark.show_status(status, WORDS[status])
        seen = "never heard" if device.last_seen_at is None else f"last seen {ago(now - device.last_seen_at)}"
        self.under.setText(f"{WORDS[status]} · {seen}")
