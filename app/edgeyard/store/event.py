"""What devices said that a person should be able to read later; the newest thousand of each device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch_devices
from edgeyard.store.raw import fetch, insert_many, run_many

MAX_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event. `severity` is `info`, `attention` or `alarm`; `at` is Unix seconds of the hub's clock."""

    device_id: str
    at: float
    severity: str
    code: str
    text: str


def add_events(c: Connection, events: Sequence[StoredEvent]) -> None:
    """Keep events in the order they came; the oldest of a device that says too much are dropped."""
    if not events:
        return
    rows = [(e.device_id, e.at, bound_name(e.severity), bound_name(e.code), bound(e.text)) for e in events]
    insert_many(c, "device_event", ("device_id", "at", "severity", "code", "text"), rows)
    device_ids = sorted({event.device_id for event in events})
    run_many(
        c,
        "DELETE FROM device_event WHERE device_id = ? AND id <="
        " (SELECT id FROM device_event WHERE device_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        [(device_id, device_id, MAX_EVENTS) for device_id in device_ids],
    )
    touch_devices(c, device_ids, max(event.at for event in events))


def device_events(c: Connection, device_id: str, limit: int = 200) -> list[StoredEvent]:
    """The device's latest events, the newest first."""
    rows = fetch(
        c,
        "SELECT device_id, at, severity, code, text FROM device_event WHERE device_id = ? ORDER BY id DESC LIMIT ?",
        (device_id, limit),
    )
    return [StoredEvent(*row) for row in rows]
