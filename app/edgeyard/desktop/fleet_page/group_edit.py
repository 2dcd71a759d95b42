"""Edits of groups and labels, each with its undo.

The commands are imported when they run: they bring keys and the network with them, which no table waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgeyard.desktop.edit import Edit
from edgeyard.desktop.widget.words import count
from edgeyard.domain.error import UserError
from edgeyard.store.group import Group, list_groups

if TYPE_CHECKING:
    from edgeyard.commands.workspace import Workspace

Labels = dict[str, str]


def save_group_edit(wanted: Group) -> Edit:
    """Add a group (id 0) or change the one with its id."""

    def do(workspace: Workspace) -> Group | None:
        from edgeyard.commands import fleet_command

        with workspace.database.read() as connection:
            taken = any(g.name == wanted.name and g.id != wanted.id for g in list_groups(connection))
        if taken:
            raise UserError(f"There is already a group named {wanted.name}.", "Choose another name.")
        return fleet_command.save_group(workspace, wanted)

    def undo(workspace: Workspace, before: Group | None) -> None:
        from edgeyard.commands import fleet_command

        if before is None:
            fleet_command.delete_group(workspace, wanted.name)
        else:
            fleet_command.save_group(workspace, before)

    return Edit(f"{'Save' if wanted.id else 'Add'} group {wanted.name}", do, undo)


def delete_group_edit(name: str) -> Edit:
    """Delete a group; those under it move up, and come back under it with the undo."""

    def do(workspace: Workspace) -> tuple[Group, list[Group]]:
        from edgeyard.commands import fleet_command

        with workspace.database.read() as connection:
            groups = list_groups(connection)
        deleted = fleet_command.delete_group(workspace, name)
        return deleted, [group for group in groups if group.parent_id == deleted.id]

    def undo(workspace: Workspace, result: tuple[Group, list[Group]]) -> None:
        from edgeyard.commands import fleet_command

        deleted, children = result
        fleet_command.save_group(workspace, deleted)
        for child in children:
            fleet_command.save_group(workspace, child)

    return Edit(f"Delete group {name}", do, undo)


def production_edit(group: Group) -> Edit:
    """Turn the production flag over."""
    edit = save_group_edit(replace(group, production=not group.production))
    flag = "not production" if group.production else "production"
    return Edit(f"Mark {group.name} as {flag}", edit.do, edit.undo)


def add_members_edit(group: Group, device_ids: Sequence[str]) -> Edit:
    """Put devices into a static group."""
    members = tuple(sorted({*group.members, *device_ids}))
    edit = save_group_edit(replace(group, members=members))
    added = len(members) - len(group.members)
    return Edit(f"Add {count(added, 'device')} to {group.name}", edit.do, edit.undo)


def labels_edit(device_ids: Sequence[str], changes: Mapping[str, str]) -> Edit:
    """Set labels of devices; an empty value takes one away."""

    def do(workspace: Workspace) -> dict[str, Labels]:
        from edgeyard.commands.fleet_command import change_labels

        return change_labels(workspace, device_ids, changes)

    def undo(workspace: Workspace, before: dict[str, Labels]) -> None:
        from edgeyard.commands.fleet_command import put_labels

        put_labels(workspace, before)

    what = device_ids[0] if len(device_ids) == 1 else count(len(device_ids), "device")
    return Edit(f"Label {what}", do, undo)
