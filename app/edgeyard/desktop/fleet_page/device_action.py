"""What can be done with devices: the same from the table, the map, the panel and the device's page."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from edgeyard.desktop.action import Action, fill_menu
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.fleet_frame import EMPTY_FRAME, FleetFrame
from edgeyard.desktop.fleet_page.group_dialog import GroupDialog
from edgeyard.desktop.fleet_page.group_edit import labels_edit, save_group_edit
from edgeyard.desktop.fleet_page.label_dialog import LabelDialog
from edgeyard.desktop.page import Place
from edgeyard.desktop.widget.words import count
from edgeyard.domain.device import Device
from edgeyard.store.group import Group

_MAX_EDITED = 10_000


class DeviceActions:
    """Acts on device ids; dialogs belong to the desk's window."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def menu(self, parent: QWidget, ids: Sequence[str], at: QPoint) -> QMenu:
        """The context menu of the selection."""
        menu = QMenu(parent)
        menu.setAccessibleName("What can be done with the selection")
        fill_menu(menu, self.actions(ids))
        menu.popup(at)
        return menu

    def actions(self, ids: Sequence[str]) -> list[Action | None]:
        """What can be done with these devices."""
        what = ids[0] if len(ids) == 1 else count(len(ids), "device")
        single = ids[0] if len(ids) == 1 else ""
        open_refusal = "" if single else "Select one device."
        nothing = "" if ids else "Select devices first."
        return [
            Action(
                "open", "Open", lambda: self._desk.go(Place("device", single)), "maximize-2", "", lambda: open_refusal
            ),
            Action("labels", "Edit labels…", lambda: self.edit_labels(ids), "tag", "", lambda: nothing),
            Action("rollout", f"Roll out to {what}…", lambda: self.roll_out(ids), "rocket", "", lambda: nothing),
            Action("group", "Make a group of these…", lambda: self.make_group(ids), "list", "", lambda: nothing),
            None,
            Action(
                "copy",
                "Copy id" if single else "Copy ids",
                lambda: self.copy(ids),
                "copy",
                "",
                lambda: nothing,
            ),
        ]

    def copy(self, ids: Sequence[str]) -> None:
        """Put the ids on the clipboard, one a line."""
        if not ids:
            return
        QGuiApplication.clipboard().setText("\n".join(ids))
        self._desk.say(Notice(f"Copied {ids[0]}." if len(ids) == 1 else f"Copied {count(len(ids), 'id')}."))

    def edit_labels(self, ids: Sequence[str]) -> LabelDialog | None:
        """Open the labels dialog."""
        devices = self._devices(ids)[:_MAX_EDITED]
        if not devices:
            return None
        dialog = LabelDialog(self._desk.window, devices)
        names = [device.id for device in devices]
        dialog.accepted_changes.connect(lambda changes: self._desk.edits.apply(labels_edit(names, changes)))
        dialog.open()
        return dialog

    def make_group(self, ids: Sequence[str], *, then_roll_out: bool = False) -> GroupDialog:
        """Open the dialog for a new group that is a list of these devices."""
        groups = self._groups()
        wanted = Group(0, "", "static", members=tuple(sorted(ids)))
        dialog = GroupDialog(self._desk.window, wanted, groups, self._frame())

        def save(group: Group) -> None:
            after = (lambda: self._roll_out_group(group.name)) if then_roll_out else None
            self._desk.edits.apply(save_group_edit(group), after)

        dialog.accepted_group.connect(save)
        dialog.open()
        return dialog

    def roll_out(self, ids: Sequence[str]) -> None:
        """A rollout goes to a group: name one for these devices, then plan."""
        dialog = self.make_group(ids, then_roll_out=True)
        dialog.explain("A rollout goes to a group. Name one for these devices; the plan opens next.")

    def _roll_out_group(self, name: str) -> None:
        # The group's id is known once the groups were read again.
        feed = self._desk.feeds.groups

        def arrived() -> None:
            view = next((view for view in feed.latest.views if view.group.name == name), None)
            if view is not None:
                feed.arrived.disconnect(arrived)
                from edgeyard.desktop.plan.install import roll_out

                roll_out(self._desk, None, view.group.id)

        feed.arrived.connect(arrived)
        feed.refresh()

    def _devices(self, ids: Sequence[str]) -> list[Device]:
        frame = self._frame()
        return [frame.devices[frame.row_of[device_id]] for device_id in ids if device_id in frame.row_of]

    def _frame(self) -> FleetFrame:
        frame: FleetFrame = self._desk.feeds.fleet.latest or EMPTY_FRAME
        return frame

    def _groups(self) -> list[Group]:
        latest = self._desk.feeds.groups.latest
        return [view.group for view in latest.views] if latest is not None else []
