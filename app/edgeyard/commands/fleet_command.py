"""Edits of the fleet: labels and groups. Each returns what undoing it needs; applying that is the undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.store import device, group, journal
from edgeyard.store.group import Group

_MAX_LABELS = 32
_MAX_LABEL_CHARACTERS = 64

Labels = dict[str, str]


def change_labels(workspace: Workspace, device_ids: Iterable[str], changes: Mapping[str, str]) -> dict[str, Labels]:
    """Set labels (an empty value removes one) on devices. Returns the labels as they were. Raises `UserError`."""
    before: dict[str, Labels] = {}
    with workspace.database.read() as connection:
        for device_id in device_ids:
            found = device.get_device(connection, device_id)
            if found is None:
                raise UserError(f"There is no device “{device_id}”.", "List them with: edgeyard device list")
            before[device_id] = found.labels
    after = {}
    for device_id, labels in before.items():
        merged = {**labels, **changes}
        after[device_id] = {key: value for key, value in merged.items() if value}
    put_labels(workspace, after)
    return before


def put_labels(workspace: Workspace, labels_by_device: Mapping[str, Labels]) -> None:
    """Give devices exactly these labels, in one transaction. Raises `UserError` when one is too long or too many."""
    for labels in labels_by_device.values():
        _check_labels(labels)
    now = workspace.clock()
    with workspace.database.write() as connection:
        for device_id, labels in labels_by_device.items():
            device.set_labels(connection, device_id, labels, now)
        text = ", ".join(labels_by_device)
        journal.note(connection, workspace.operator_name, "labels changed", "fleet", text[:500], now)


def save_group(workspace: Workspace, wanted: Group) -> Group | None:
    """Add a group, or change the one with the same id or name. Returns it as it was before, `None` if it is new."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        groups = group.list_groups(connection)
        before = next((g for g in groups if g.id == wanted.id), None) or _named(groups, wanted.name)
        if before is not None:
            wanted = replace(wanted, id=before.id)
        group.save_group(connection, wanted, now)
        journal.note(
            connection, workspace.operator_name, "group saved", f"group {wanted.name}", wanted.filter_text, now
        )
    return before


def delete_group(workspace: Workspace, name: str) -> Group:
    """Delete a group; its devices stay. Returns it, so that saving it again is the undo. Raises `UserError`."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        found = _named(group.list_groups(connection), name)
        if found is None:
            raise UserError(f"There is no group “{name}”.", "List them with: edgeyard group list")
        group.delete_group(connection, found.id, now)
        journal.note(connection, workspace.operator_name, "group deleted", f"group {name}", found.filter_text, now)
    return found


def _named(groups: Iterable[Group], name: str) -> Group | None:
    return next((found for found in groups if found.name == name), None)


def _check_labels(labels: Labels) -> None:
    texts = [*labels, *labels.values()]
    if len(labels) > _MAX_LABELS or any(len(text) > _MAX_LABEL_CHARACTERS for text in texts):
        raise UserError(
            "These labels are too many or too long.",
            f"Use up to {_MAX_LABELS} labels with keys and values of up to {_MAX_LABEL_CHARACTERS} characters.",
        )
