"""What each device is wanted to run, and what it may not be offered again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.gate import GatePolicy
from edgeyard.store.change import touch, touch_devices
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.raw import fetch, fetch_one, run

_SELECT = (
    "SELECT device_id, execution_id, digest, target_path, undo, gate, director_version, assigned_at, published_at"
    " FROM assignment"
)
_FAULTY = "NOT undo AND forgiven_at IS NULL AND state IN ('rejected', 'failed', 'rolled_back')"
"""Ends that speak against a digest on a device. A time-out does not: the device may have been switched off."""


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """The latest assignment of one device. It is published once the signed `director_version` is out.

    An empty digest withdraws what was assigned before. Without an execution it only restates what the device runs.
    """

    device_id: str
    execution_id: int | None
    digest: str
    target_path: str
    undo: bool
    gate: GatePolicy
    director_version: int
    assigned_at: float
    published_at: float | None


def assign(
    c: Connection,
    device_id: str,
    execution_id: int | None,
    digest: str,
    target_path: str,
    undo: bool,
    gate: GatePolicy,
    now: float,
) -> int:
    """Replace the device's assignment; returns its director version, one above the last, also across re-joins."""
    rows = fetch(
        c,
        "INSERT INTO assignment"
        " (device_id, execution_id, digest, target_path, undo, gate, director_version, assigned_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (device_id) DO UPDATE SET execution_id = excluded.execution_id,"
        " digest = excluded.digest, target_path = excluded.target_path, undo = excluded.undo, gate = excluded.gate,"
        " director_version = assignment.director_version + 1, assigned_at = excluded.assigned_at, published_at = NULL"
        " RETURNING director_version",
        (device_id, execution_id, digest, target_path, undo, to_text(gate), now),
    )
    run(c, "UPDATE device SET assigned_digest = ? WHERE id = ?", (digest, device_id))
    touch_devices(c, [device_id], now)
    return int(rows[0][0])


def unpublished(c: Connection, limit: int = 500) -> list[AssignmentRow]:
    """Assignments whose metadata is still to be signed and put out, the oldest first."""
    rows = fetch(c, f"{_SELECT} WHERE published_at IS NULL ORDER BY assigned_at, device_id LIMIT ?", (limit,))
    return [_read(row) for row in rows]


def mark_published(c: Connection, device_id: str, version: int, now: float) -> bool:
    """Say that this version is out; False when the assignment has moved on meanwhile and stays unpublished."""
    sql = "UPDATE assignment SET published_at = ? WHERE device_id = ? AND director_version = ?"
    return run(c, sql, (now, device_id, version)) > 0


def get_assignment(c: Connection, device_id: str) -> AssignmentRow | None:
    """The device's assignment, or `None` if it never had one."""
    row = fetch_one(c, f"{_SELECT} WHERE device_id = ?", (device_id,))
    return _read(row) if row else None


def all_assignments(c: Connection) -> list[AssignmentRow]:
    """The assignments of all devices, by device id."""
    return [_read(row) for row in sorted(fetch(c, _SELECT))]


def assigned_digests(c: Connection) -> dict[str, str]:
    """Per device the digest it is assigned at present."""
    return dict(fetch(c, "SELECT device_id, digest FROM assignment"))


def failed_digests(c: Connection, device_id: str) -> set[str]:
    """Digests that ended badly on this device and were not forgiven: they are not offered to it again."""
    sql = f"SELECT DISTINCT digest FROM execution WHERE device_id = ? AND {_FAULTY}"  # noqa: S608
    return {str(row[0]) for row in fetch(c, sql, (device_id,))}


def failed_digests_by_device(c: Connection) -> dict[str, frozenset[str]]:
    """`failed_digests` of every device that has any."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for device_id, digest in fetch(c, f"SELECT DISTINCT device_id, digest FROM execution WHERE {_FAULTY}"):  # noqa: S608
        found[device_id].add(digest)
    return {device_id: frozenset(digests) for device_id, digests in found.items()}


def forgive(c: Connection, device_id: str, digest: str, now: float) -> int:
    """A person says that `digest` may be tried on the device again; returns how many bad ends that covers."""
    touch(c, "rollouts", now)
    sql = f"UPDATE execution SET forgiven_at = ? WHERE device_id = ? AND digest = ? AND {_FAULTY}"  # noqa: S608
    return run(c, sql, (now, device_id, digest))


def _read(row: tuple[Any, ...]) -> AssignmentRow:
    device_id, execution_id, digest, target_path, undo, gate, version, assigned_at, published_at = row
    policy = from_text(gate, GatePolicy)
    return AssignmentRow(
        device_id, execution_id, digest, target_path, bool(undo), policy, version, assigned_at, published_at
    )
