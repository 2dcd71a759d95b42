"""Devices: who they are and what is known of them. Reading ten thousand must be quick, so rows become objects directly.

`live` (figures of the live plane), `running` (signed reports of what runs) and `event` write to the same devices; what
they offer can be imported from here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec
from sqlalchemy import Connection

from edgeyard.domain.device import SILENT_AFTER_S, Device, DeviceStatus
from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier
from edgeyard.store.bound import bound, bound_name
from edgeyard.store.certificate import add_certificate, current_certificate, revoke_certificates
from edgeyard.store.change import touch_devices
from edgeyard.store.event import StoredEvent, add_events, device_events
from edgeyard.store.json_text import to_text
from edgeyard.store.live import LiveUpdate, update_live
from edgeyard.store.raw import fetch, fetch_one, lock_name, run
from edgeyard.store.running import ModelRun, StoredReport, model_history, running_report, set_running

__all__ = [
    "LiveUpdate",
    "ModelRun",
    "StoredEvent",
    "StoredReport",
    "add_device",
    "add_events",
    "count_by_status",
    "device_certificate",
    "device_events",
    "devices_by_id",
    "get_device",
    "list_devices",
    "model_history",
    "revoke_device",
    "revoked_device_ids",
    "running_report",
    "set_labels",
    "set_problem",
    "set_running",
    "update_live",
]

MAX_LABELS = 32
MAX_LABEL_CHARACTERS = 64

COLUMNS = tuple(field.name for field in fields(Device))
"""Of the table and of `Device`, in the same order."""

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM device"  # noqa: S608 - our own names

_read_labels = msgspec.json.Decoder(dict[str, str]).decode


def add_device(c: Connection, device: Device, certificate_pem: str, now: float, *, replace: bool = False) -> None:
    """Take in a device that has joined, with the certificate it was given.

    A device of that name that is not revoked raises `UserError`, unless `replace`: then the newcomer takes over the
    name and its history, and the former certificates are revoked.
    """
    check_identifier(device.id, "device name")
    lock_name(c, f"device {device.id}")
    existing = get_device(c, device.id)
    if existing is None:
        _insert(c, device, now)
    elif existing.revoked_at is not None or replace:
        revoke_certificates(c, device.id, now)
        _renew(c, device, now)
    else:
        raise UserError(
            f"A device named {device.id} is already in this site.",
            "Give this device another name, also when it replaces the old one.",
        )
    add_certificate(c, device.id, "device", certificate_pem, now)
    touch_devices(c, [device.id], now)


def get_device(c: Connection, device_id: str) -> Device | None:
    """One device, or `None`."""
    row = fetch_one(c, f"{_SELECT} WHERE id = ?", (device_id,))
    return read_device(row) if row else None


def list_devices(c: Connection, changed_after: float = 0, limit: int | None = None, after_id: str = "") -> list[Device]:
    """Devices by id, revoked ones included.

    `changed_after` leaves out those whose `changed_at` is not later: pass the greatest one seen to read only what
    changed since. `limit` and `after_id` read in pages.
    """
    conditions: list[str] = []
    parameters: list[Any] = []
    if changed_after:
        conditions.append("changed_at > ?")
        parameters.append(changed_after)
    if after_id:
        conditions.append("id > ?")
        parameters.append(after_id)
    sql = f"{_SELECT} WHERE {' AND '.join(conditions)}" if conditions else _SELECT
    if limit is not None:
        sql += " ORDER BY id LIMIT ?"
        parameters.append(limit)
    rows = fetch(c, sql, parameters)
    # Sorting here is quicker than through the index, and the same whatever the database's collation.
    return [read_device(row) for row in (rows if limit is not None else sorted(rows))]


def devices_by_id(c: Connection, device_ids: Sequence[str]) -> list[Device]:
    """Those of the named devices that exist, by id."""
    marks = ", ".join("?" * len(device_ids))
    rows = fetch(c, f"{_SELECT} WHERE id IN ({marks})", tuple(device_ids)) if device_ids else []
    return [read_device(row) for row in sorted(rows)]


def read_device(row: tuple[Any, ...]) -> Device:
    """A `Device` from a row of `COLUMNS`."""
    return Device(row[0], row[1], _read_labels(row[2]), row[3], row[4], row[5] == 1, *row[6:])


def device_certificate(c: Connection, device_id: str) -> str | None:
    """The PEM of the device's current certificate; `None` for one that is unknown or revoked."""
    return current_certificate(c, device_id)


def count_by_status(c: Connection, now: float) -> dict[DeviceStatus, int]:
    """How many devices that are not revoked have each status at `now`; the same rules as `domain.device`."""
    rows = fetch(
        c,
        "SELECT CASE WHEN problem_severity = 'alarm' THEN 'alarm'"
        " WHEN problem_severity = 'attention' THEN 'attention'"
        " WHEN last_seen_at IS NULL THEN 'unknown'"
        " WHEN NOT online OR ? - last_seen_at > ? THEN 'offline'"
        " WHEN update_state <> '' THEN 'updating' ELSE 'healthy' END AS status, count(*)"
        " FROM device WHERE revoked_at IS NULL GROUP BY status",
        (float(now), SILENT_AFTER_S),
    )
    counted = dict(rows)
    return {status: counted.get(status.value, 0) for status in DeviceStatus}


def set_labels(c: Connection, device_id: str, labels: Mapping[str, str], now: float) -> None:
    """Replace the device's labels. Raises `UserError` for more than 32, or for keys or values over 64 characters."""
    run(c, "UPDATE device SET labels = ? WHERE id = ?", (_labels_text(labels), device_id))
    touch_devices(c, [device_id], now)


def set_problem(c: Connection, device_id: str, text: str, severity: str, now: float) -> None:
    """Say what is wrong with the device (`severity` attention or alarm), or with two empty texts that nothing is."""
    changed = run(
        c,
        "UPDATE device SET problem = ?, problem_severity = ? WHERE id = ? AND (problem <> ? OR problem_severity <> ?)",
        (bound(text), severity, device_id, bound(text), severity),
    )
    if changed:
        touch_devices(c, [device_id], now)


def revoke_device(c: Connection, device_id: str, now: float) -> bool:
    """Shut the device out: it and its certificates are revoked. False if it is unknown or already was."""
    changed = run(
        c,
        "UPDATE device SET revoked_at = ?, online = ? WHERE id = ? AND revoked_at IS NULL",
        (now, False, device_id),
    )
    if changed:
        revoke_certificates(c, device_id, now)
        touch_devices(c, [device_id], now)
    return changed > 0


def revoked_device_ids(c: Connection) -> set[str]:
    """Devices that are shut out."""
    return {str(row[0]) for row in fetch(c, "SELECT id FROM device WHERE revoked_at IS NOT NULL")}


def _insert(c: Connection, device: Device, now: float) -> None:
    values = {name: getattr(device, name) for name in COLUMNS}
    values |= {
        "hardware_profile": bound_name(device.hardware_profile),
        "labels": _labels_text(device.labels),
        "joined_at": device.joined_at or now,
        "agent_version": bound_name(device.agent_version),
        "problem": bound(device.problem),
        "changed_at": now,
    }
    marks = ", ".join("?" * len(COLUMNS))
    run(c, f"INSERT INTO device ({', '.join(COLUMNS)}) VALUES ({marks})", tuple(values.values()))  # noqa: S608


def _renew(c: Connection, device: Device, now: float) -> None:
    run(
        c,
        "UPDATE device SET hardware_profile = ?, labels = ?, joined_at = ?, revoked_at = NULL, agent_version = ?,"
        " problem = '', problem_severity = '' WHERE id = ?",
        (
            bound_name(device.hardware_profile),
            _labels_text(device.labels),
            device.joined_at or now,
            bound_name(device.agent_version),
            device.id,
        ),
    )
    # The newcomer's agent counts its statements from one again.
    run(c, "DELETE FROM running_report WHERE device_id = ?", (device.id,))


def _labels_text(labels: Mapping[str, str]) -> str:
    todo = f"Use at most {MAX_LABELS} labels, and {MAX_LABEL_CHARACTERS} characters for each name and value."
    if len(labels) > MAX_LABELS:
        raise UserError(f"{len(labels)} labels are too many for one device.", todo)
    for key, value in labels.items():
        if not key or max(len(key), len(value)) > MAX_LABEL_CHARACTERS:
            raise UserError(f"The label {key[:80]!r} cannot be used.", todo)
    return to_text({bound(key): bound(value) for key, value in sorted(labels.items())})
