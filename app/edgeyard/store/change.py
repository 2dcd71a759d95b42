"""What changed since a reader last looked: one counter per kind of thing, and stamps on devices in commit order.

Writing functions call `touch`; counters and stamps are written once, at the end of `Database.write()`. That keeps their
row locks short on PostgreSQL, takes them after every other lock and in one order (no deadlock), and makes a stamp
later than every stamp that was committed before: a reader who asks for devices changed after the last stamp it saw
misses none, though transactions overlap and clocks differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from sqlalchemy import Connection

from edgeyard.store.raw import fetch, run, run_many

Topic = Literal["devices", "groups", "models", "rollouts", "jobs", "status", "journal", "tokens", "lab"]
TOPICS: tuple[Topic, ...] = get_args(Topic)

_STEP_S = 1e-6
"""How far a stamp lies after the one before it at least; a float of today's Unix seconds resolves 2.4e-7."""

_KEY = "edgeyard_changes"


@dataclass(slots=True)
class _Changes:
    now: float = 0.0
    topics: set[Topic] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)


def change_counter(c: Connection) -> dict[str, int]:
    """How often each topic of `TOPICS` changed; one small read, meant for polling."""
    counted = dict(fetch(c, "SELECT topic, counter FROM change"))
    return {topic: counted.get(topic, 0) for topic in TOPICS}


def touch(c: Connection, topic: Topic, now: float) -> None:
    """Say that this transaction changed something of `topic`."""
    changes = _changes(c)
    changes.topics.add(topic)
    changes.now = max(changes.now, now)


def touch_devices(c: Connection, device_ids: Iterable[str], now: float) -> None:
    """Say that this transaction changed these devices; their `changed_at` is set at its end."""
    touch(c, "devices", now)
    _changes(c).devices.update(device_ids)


def begin_changes(c: Connection) -> None:
    """Start a writing transaction with nothing changed."""
    c.info[_KEY] = _Changes()


def settle_changes(c: Connection) -> None:
    """Write the counters and stamps of this transaction; the last thing before its commit."""
    changes: _Changes = c.info.pop(_KEY)
    device_ids = sorted(changes.devices)
    _lock_devices(c, device_ids)
    for topic in sorted(changes.topics):
        at = _bump(c, topic, changes.now)
        if topic == "devices":
            _stamp_devices(c, device_ids, at)


def _lock_devices(c: Connection, device_ids: list[str]) -> None:
    """Wait for other writers of these rows now: nobody may wait for a row while holding a counter."""
    if device_ids and c.dialect.name == "postgresql":
        fetch(c, "SELECT id FROM device WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE", (device_ids,))


def _stamp_devices(c: Connection, device_ids: list[str], at: float) -> None:
    if c.dialect.name == "postgresql":
        run(c, "UPDATE device SET changed_at = ? WHERE id = ANY(?)", (at, device_ids))
    else:
        run_many(c, "UPDATE device SET changed_at = ? WHERE id = ?", [(at, device_id) for device_id in device_ids])


def _bump(c: Connection, topic: Topic, now: float) -> float:
    rows = fetch(
        c,
        "INSERT INTO change (topic, counter, at) VALUES (?, 1, ?) ON CONFLICT (topic) DO UPDATE SET"
        " counter = change.counter + 1,"
        " at = CASE WHEN change.at + ? > excluded.at THEN change.at + ? ELSE excluded.at END"
        " RETURNING at",
        (topic, now, _STEP_S, _STEP_S),
    )
    return float(rows[0][0])


def _changes(c: Connection) -> _Changes:
    changes: _Changes = c.info[_KEY]
    return changes
