"""The Fleet page: key figures, the map, groups, the table, and on the right what needs a person or one device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QWidget

from edgeyard.desktop.action import Action, fill_menu
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.fleet_frame import ALARM, EMPTY_FRAME, FleetFrame
from edgeyard.desktop.fleet_page.device_action import DeviceActions
from edgeyard.desktop.fleet_page.device_panel import DevicePanel
from edgeyard.desktop.fleet_page.device_region import DeviceRegion
from edgeyard.desktop.fleet_page.group_action import GroupActions
from edgeyard.desktop.fleet_page.group_tree import GroupTree
from edgeyard.desktop.fleet_page.key_figure import KeyFigures
from edgeyard.desktop.fleet_page.need import Need, needs_of, progress_of
from edgeyard.desktop.fleet_page.need_panel import NeedPanel
from edgeyard.desktop.group_frame import GroupFrame
from edgeyard.desktop.page import Page, Place
from edgeyard.desktop.shell.site_state import hub_is_away
from edgeyard.desktop.trend import EMPTY_TREND
from edgeyard.desktop.widget.basic import button, caption, column, panel, row, tool_button
from edgeyard.desktop.widget.empty_state import EmptyState

if TYPE_CHECKING:
    from edgeyard.desktop.fleet_page.add_dialog import AddDialog

_GROUPS_WIDTH, _DETAILS_WIDTH = 200, 304


class FleetPage(Page):
    """Subjects: nothing, `device:ID` (its panel is open) or `group:ID`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.acts = DeviceActions(desk)
        self.group_acts = GroupActions(desk)
        self.figures = KeyFigures()
        self.tree = GroupTree(desk.drop)
        self.devices = DeviceRegion(desk)
        self.needs = NeedPanel()
        self.panel = DevicePanel(desk, self.acts)
        self._details = QStackedWidget()
        self._details.addWidget(self.needs)
        self._details.addWidget(self.panel)
        self._open_device = ""
        self._stack = QStackedWidget()
        self._build()
        self._connect()

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        new_group = tool_button("plus", "New group (Ctrl+N)", lambda: self.group_acts.create(0))
        head = row(caption("Groups"), None, new_group, margins=(12, 6, 6, 2))
        groups = panel(column(head, self.tree, margins=(1, 1, 1, 4)))
        groups.setAccessibleName("Groups of devices")
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(8)
        for part in (groups, self.devices, self._details):
            self._split.addWidget(part)
        self._split.setStretchFactor(1, 1)
        groups.setMinimumWidth(168)
        self.devices.setMinimumWidth(360)
        self._details.setMinimumWidth(280)
        self._split.setSizes([_GROUPS_WIDTH, 1280 - _GROUPS_WIDTH - _DETAILS_WIDTH, _DETAILS_WIDTH])
        state = self.desk.memory.state("fleet/split")
        if not state.isEmpty():
            self._split.restoreState(state)
        content = QWidget()
        layout = column(self.figures, self._split, spacing=8, margins=(12, 12, 12, 12))
        layout.setStretch(1, 1)
        content.setLayout(layout)
        empty = EmptyState(
            "cpu",
            "No devices yet",
            "A device joins with a one-time command. Once its agent runs, it appears here with its condition, its "
            "model and its figures.",
            button("Add devices…", self.add_devices, primary=True),
        )
        empty_page = QWidget()
        empty_page.setLayout(column(empty, margins=(12, 12, 12, 12)))
        self._stack.addWidget(content)
        self._stack.addWidget(empty_page)
        self.setLayout(column(self._stack))

    def _connect(self) -> None:
        feeds, devices = self.desk.feeds, self.devices
        feeds.fleet.arrived.connect(self._on_fleet)
        feeds.groups.arrived.connect(self._on_groups)
        feeds.trend.arrived.connect(self._on_trend)
        feeds.rollouts.arrived.connect(self._on_rollouts)
        self.figures.picked.connect(devices.set_filter_text)
        self.needs.picked.connect(self._on_need)
        self.tree.picked.connect(self._on_group_picked)
        self.tree.asked.connect(self._on_group_menu)
        self.tree.edited.connect(self.group_acts.edit)
        self.tree.deleted.connect(self.group_acts.delete)
        self.tree.devices_dropped.connect(self.group_acts.add_members)
        devices.chosen.connect(self._on_chosen)
        devices.opened.connect(lambda device_id: self.desk.go(Place("device", device_id)))
        devices.asked.connect(self._on_devices_menu)
        devices.table.copied.connect(lambda: self.acts.copy(devices.selected_ids()))
        devices.table.relabelled.connect(lambda: self.acts.edit_labels(devices.selected_ids()))
        self.panel.closed.connect(self._close_panel)

    # --- as a page -----------------------------------------------------------------------------------------------

    def activate(self, subject: str) -> None:
        kind, _, what = subject.partition(":")
        self.tree.pick(int(what) if kind == "group" and what.isdigit() else 0)
        self._scope()
        device_id = what if kind == "device" else ""
        self._show_panel(device_id)
        self.devices.select([device_id] if device_id else [])
        self._on_fleet(self.desk.feeds.fleet.latest)
        self._on_groups(self.desk.feeds.groups.latest)
        self._on_trend(self.desk.feeds.trend.latest)
        self._on_rollouts(self.desk.feeds.rollouts.latest)

    def deactivate(self) -> None:
        self.panel.show_device("")

    def heading(self) -> str:
        view = self.tree.view_of(self.tree.current_group())
        return view.group.name if view is not None else ""

    def actions_here(self) -> Sequence[Action]:
        selected = self.devices.selected_ids()
        chosen = [action for action in self.acts.actions(selected) if action is not None] if selected else []
        return [
            Action("add-devices", "Add devices…", self.add_devices, "plus", words="join token provision"),
            Action("filter", "Filter devices", self.devices.focus_filter, "filter", "Ctrl+F"),
            Action("new-group", "New group…", lambda: self.group_acts.create(0), "layers", "Ctrl+N"),
            *chosen,
        ]

    def regions(self) -> Sequence[QWidget]:
        return (self.figures, self.tree, self.devices.map, self.devices.filter, self.devices.table, self._details)

    def close_details(self) -> bool:
        if not self._open_device:
            return self.devices.clear_filter()
        self._close_panel()
        return True

    def save(self) -> None:
        self.desk.memory.put("fleet/split", self._split.saveState())
        self.devices.save()

    def add_devices(self) -> AddDialog:
        """Open the dialog that makes join commands."""
        from edgeyard.desktop.fleet_page.add_dialog import AddDialog

        dialog = AddDialog(self.desk)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    # --- snapshots -----------------------------------------------------------------------------------------------

    def _on_fleet(self, frame: FleetFrame | None) -> None:
        if frame is None or not self.isVisible():
            return
        self._stack.setCurrentIndex(0 if len(frame) else 1)
        self.devices.show_frame(frame)
        self.devices.set_stale(self._stale())
        self._on_rollouts(self.desk.feeds.rollouts.latest)

    def _on_groups(self, frame: GroupFrame | None) -> None:
        if frame is None or not self.isVisible():
            return
        self.tree.show_groups(frame, self._frame())
        self._scope()

    def _on_trend(self, latest: Any) -> None:
        if not self.isVisible():
            return
        frame = self._frame()
        alarms = int((frame.status == ALARM).sum())
        self.figures.show_trend(latest or EMPTY_TREND, len(frame), alarms, stale=self._stale())

    def _on_rollouts(self, summaries: Any) -> None:
        if self.isVisible():
            rollouts = summaries or ()
            self.needs.show_needs(needs_of(self._frame(), rollouts, self.desk.bridge.now()), progress_of(rollouts))

    def _frame(self) -> FleetFrame:
        frame: FleetFrame = self.desk.feeds.fleet.latest or EMPTY_FRAME
        return frame

    def _stale(self) -> bool:
        rows = self.desk.feeds.statuses.latest
        away = rows is not None and hub_is_away(rows, self.desk.bridge.now())
        return away or self.desk.bridge.trouble is not None

    # --- what a person does --------------------------------------------------------------------------------------

    def _on_chosen(self, device_ids: list[str]) -> None:
        device_id = device_ids[0] if len(device_ids) == 1 else ""
        if len(device_ids) <= 1:
            self._show_panel(device_id)
            self.moved.emit(f"device:{device_id}" if device_id else self._group_subject())

    def _show_panel(self, device_id: str) -> None:
        self._open_device = device_id
        self.panel.show_device(device_id)
        self._details.setCurrentWidget(self.panel if device_id else self.needs)

    def _close_panel(self) -> None:
        self._show_panel("")
        self.devices.select([])
        self.devices.focus_table()
        self.moved.emit(self._group_subject())

    def _on_need(self, need: Need) -> None:
        if need.place is not None:
            self.desk.go(need.place)
        elif need.filter_text:
            self.tree.pick(0)
            self._scope()
            self.devices.set_filter_text(need.filter_text)

    def _on_group_picked(self, group_id: int) -> None:
        del group_id
        self._scope()
        self.moved.emit(self._group_subject())

    def _group_subject(self) -> str:
        group_id = self.tree.current_group()
        return f"group:{group_id}" if group_id else ""

    def _scope(self) -> None:
        view = self.tree.view_of(self.tree.current_group())
        self.devices.set_scope(view.mask if view is not None else None)

    def _on_group_menu(self, group_id: int, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill_menu(menu, self.group_acts.actions(group_id))
        menu.popup(at)

    def _on_devices_menu(self, at: QPoint) -> None:
        self.acts.menu(self, self.devices.selected_ids(), at)
