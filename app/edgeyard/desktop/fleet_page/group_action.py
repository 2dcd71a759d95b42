"""What can be done with groups, from the tree's menu, its keys and the palette."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QGuiApplication

from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.drag import read_version
from edgeyard.desktop.fleet_frame import EMPTY_FRAME, FleetFrame
from edgeyard.desktop.fleet_page.group_dialog import GroupDialog
from edgeyard.desktop.fleet_page.group_edit import (
    add_members_edit,
    delete_group_edit,
    production_edit,
    save_group_edit,
)
from edgeyard.store.group import Group


class GroupActions:
    """Acts on group ids; id 0 (“All devices”) can only be added to."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def actions(self, group_id: int) -> list[Action | None]:
        """The context menu of a group."""
        group = self._group(group_id)
        if group is None:
            return [Action("new-group", "New group…", lambda: self.create(0), "plus")]
        version = read_version(QGuiApplication.clipboard().mimeData())
        paste: list[Action | None] = []
        if version is not None:
            title = f"Roll out {version.label} here…"
            paste = [Action("paste", title, lambda: self._desk.drop.drop(version, group_id), "rocket", "Ctrl+V")]
        flag = "Not production any more" if group.production else "Mark as production"
        return [
            *paste,
            Action("rollout", "Roll out…", lambda: self.roll_out(group_id), "rocket"),
            None,
            Action("edit", "Edit group…", lambda: self.edit(group_id), "pen-line", "F2"),
            Action("production", flag, lambda: self._desk.edits.apply(production_edit(group)), "shield-check"),
            Action("inside", "New group under it…", lambda: self.create(group_id), "plus"),
            None,
            Action("delete", "Delete group", lambda: self.delete(group_id), "trash-2", "Del"),
        ]

    def create(self, parent_id: int) -> GroupDialog:
        """Open the dialog for a new group."""
        position = 1 + max((group.position for group in self._groups()), default=-1)
        return self._open(Group(0, "", "dynamic", parent_id=parent_id or None, position=position))

    def edit(self, group_id: int) -> GroupDialog | None:
        """Open the dialog for this group."""
        group = self._group(group_id)
        return self._open(group) if group is not None else None

    def delete(self, group_id: int) -> None:
        """Delete it; undo brings it back."""
        group = self._group(group_id)
        if group is not None:
            self._desk.edits.apply(delete_group_edit(group.name))

    def add_members(self, group_id: int, device_ids: Sequence[str]) -> None:
        """Put devices into a static group."""
        group = self._group(group_id)
        known = [device_id for device_id in device_ids if device_id in self._frame().row_of]
        if group is not None and known:
            self._desk.edits.apply(add_members_edit(group, known))

    def roll_out(self, group_id: int) -> None:
        """Open the plan for this group; the version is chosen there."""
        from edgeyard.desktop.plan.install import roll_out

        roll_out(self._desk, None, group_id)

    def _open(self, group: Group) -> GroupDialog:
        dialog = GroupDialog(self._desk.window, group, self._groups(), self._frame())
        dialog.accepted_group.connect(lambda wanted: self._desk.edits.apply(save_group_edit(wanted)))
        dialog.open()
        return dialog

    def _frame(self) -> FleetFrame:
        frame: FleetFrame = self._desk.feeds.fleet.latest or EMPTY_FRAME
        return frame

    def _groups(self) -> list[Group]:
        latest = self._desk.feeds.groups.latest
        return [view.group for view in latest.views] if latest is not None else []

    def _group(self, group_id: int) -> Group | None:
        return next((group for group in self._groups() if group.id == group_id), None)
