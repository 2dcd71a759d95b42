"""Groups of devices: a saved filter (dynamic) or a list (static), in a tree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from edgeyard.domain.device import Device, device_status
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import parse_filter
from edgeyard.domain.identifier import check_title
from edgeyard.store.change import touch
from edgeyard.store.device import list_devices
from edgeyard.store.raw import fetch, fetch_one, insert_many, insert_row, lock_name, run

MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `kind` is `dynamic` (devices that pass `filter_text`) or `static` (`members`).

    `production` asks for more care in the desktop. `position` orders groups under one parent. Id 0 is not saved yet.
    """

    id: int
    name: str
    kind: str
    filter_text: str = ""
    members: tuple[str, ...] = ()
    production: bool = False
    parent_id: int | None = None
    position: int = 0


def list_groups(c: Connection) -> list[Group]:
    """All groups by position, then name."""
    members: defaultdict[int, list[str]] = defaultdict(list)
    for group_id, device_id in sorted(fetch(c, "SELECT group_id, device_id FROM group_member")):
        members[group_id].append(device_id)
    rows = fetch(c, "SELECT id, name, kind, filter_text, production, parent_id, position FROM device_group")
    groups = [
        Group(row[0], row[1], row[2], row[3], tuple(members[row[0]]), bool(row[4]), row[5], row[6]) for row in rows
    ]
    return sorted(groups, key=lambda group: (group.position, group.name))


def get_group(c: Connection, name: str) -> Group | None:
    """The group of this name, or `None`."""
    return next((group for group in list_groups(c) if group.name == name), None)


def save_group(c: Connection, group: Group, now: float) -> Group:
    """Write the group and return it with its id; one with an id that is gone is put back under that id (undo).

    Raises `UserError` for a name that is taken or not allowed, a broken filter, unknown members or a circle of parents.
    """
    lock_name(c, "groups")
    _check(c, group)
    values = {
        "name": group.name,
        "kind": group.kind,
        "filter_text": group.filter_text,
        "production": group.production,
        "parent_id": group.parent_id,
        "position": group.position,
    }
    known = group.id and fetch_one(c, "SELECT 1 FROM device_group WHERE id = ?", (group.id,))
    if known:
        marks = ", ".join(f"{name} = ?" for name in values)
        run(c, f"UPDATE device_group SET {marks} WHERE id = ?", (*values.values(), group.id))  # noqa: S608
    elif group.id:
        insert_row(c, "device_group", {"id": group.id, **values})
    else:
        group = replace(group, id=insert_row(c, "device_group", values))
    run(c, "DELETE FROM group_member WHERE group_id = ?", (group.id,))
    members = tuple(sorted(set(group.members)))
    insert_many(c, "group_member", ("group_id", "device_id"), [(group.id, device_id) for device_id in members])
    touch(c, "groups", now)
    return replace(group, members=members)


def delete_group(c: Connection, group_id: int, now: float) -> None:
    """Remove the group; its devices stay, and groups under it move up to its parent."""
    lock_name(c, "groups")
    row = fetch_one(c, "SELECT parent_id FROM device_group WHERE id = ?", (group_id,))
    if row is None:
        return
    run(c, "UPDATE device_group SET parent_id = ? WHERE parent_id = ?", (row[0], group_id))
    run(c, "DELETE FROM device_group WHERE id = ?", (group_id,))
    touch(c, "groups", now)


def group_devices(c: Connection, group: Group, now: float) -> list[Device]:
    """The group's devices at `now`, by id; never revoked ones. Raises `UserError` for a broken filter."""
    devices = [device for device in list_devices(c) if device.revoked_at is None]
    if group.kind == "static":
        members = set(group.members)
        return [device for device in devices if device.id in members]
    chosen = parse_filter(group.filter_text)
    return [device for device in devices if chosen.matches(device, device_status(device, now), now)]


def _check(c: Connection, group: Group) -> None:
    check_title(group.name, "group name")
    if group.kind not in {"dynamic", "static"}:
        raise UserError(f"A group cannot be {group.kind[:40]!r}.", "Make it dynamic (a filter) or static (a list).")
    parse_filter(group.filter_text)
    taken = fetch_one(c, "SELECT id FROM device_group WHERE name = ?", (group.name,))
    if taken and taken[0] != group.id:
        raise UserError(f"There is already a group named {group.name}.", "Choose another name.")
    if group.members:
        known = {row[0] for row in fetch(c, "SELECT id FROM device")}
        unknown = sorted(set(group.members) - known)
        if unknown:
            raise UserError(f"The site has no device named {unknown[0]}.", "Remove it from the group's list.")
    parents = dict(fetch(c, "SELECT id, parent_id FROM device_group"))
    above, depth = group.parent_id, 0
    while above is not None:
        depth += 1
        if above == group.id or depth > MAX_DEPTH:
            raise UserError("A group cannot lie under itself, nor more than eight deep.", "Choose another parent.")
        if above not in parents:
            raise UserError("The parent group is gone.", "Choose another parent.")
        above = parents[above]
