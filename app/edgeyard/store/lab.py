"""Lab runs: orders that wait for their devices, what came of them, and which releases need such evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.lab import OPEN_STATES, LabFigures, LabState
from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.raw import fetch, fetch_one, insert_row, lock_name, run
from edgeyard.wire.lab import LabOrder, LabReport, decode_order, decode_signed_order

_COLUMNS = (
    "id, device_id, version_id, serial, state, reason, created_by, created_at, changed_at, expires_at, signed_order"
)
_RESULTS = (
    "SELECT run_id, device_id, digest, name, hardware_profile, at, lab_result.reason, figures"
    " FROM lab_result JOIN lab_run ON lab_run.id = run_id"
)
_OPEN = tuple(state.value for state in OPEN_STATES)


@dataclass(frozen=True, slots=True)
class LabRun:
    """One order to one device. Times are Unix seconds of the hub's clock."""

    id: int
    device_id: str
    version_id: int
    serial: int
    state: LabState
    reason: str
    created_by: str
    created_at: float
    changed_at: float
    expires_at: float
    order: LabOrder


@dataclass(frozen=True, slots=True)
class LabResult:
    """What one run brought for one file. Without `figures`, `reason` says why it could not be measured."""

    run_id: int
    device_id: str
    digest: str
    name: str
    hardware_profile: str
    at: float
    reason: str
    figures: LabFigures | None


def next_serial(c: Connection, device_id: str, now: float) -> int:
    """A serial above every earlier one of the device; from the clock, so that it also is after a database was restored
    from a backup."""
    lock_name(c, f"lab {device_id}")
    row = fetch_one(c, "SELECT max(serial) FROM lab_run WHERE device_id = ?", (device_id,))
    return max(int(now * 1000), (row[0] if row and row[0] is not None else 0) + 1)


def add_lab_run(c: Connection, order: LabOrder, signed_order: bytes, version_id: int, by: str, now: float) -> int:
    """Keep a signed order for its device; returns the run's id."""
    touch(c, "lab", now)
    values = {
        "device_id": order.device,
        "version_id": version_id,
        "serial": order.serial,
        "state": LabState.WAITING.value,
        "reason": "",
        "created_by": bound_name(by),
        "created_at": now,
        "changed_at": now,
        "expires_at": order.expires_at,
        "signed_order": signed_order,
    }
    return insert_row(c, "lab_run", values)


def open_order(c: Connection, device_id: str, now: float) -> bytes | None:
    """The signed order that the device should carry out now: the oldest open one; `None` when there is none."""
    row = fetch_one(
        c,
        "SELECT signed_order FROM lab_run WHERE device_id = ? AND state IN (?, ?) AND expires_at > ?"
        " ORDER BY serial LIMIT 1",
        (device_id, *_OPEN, now),
    )
    return bytes(row[0]) if row else None


def ordered_digests(c: Connection, device_id: str, now: float) -> frozenset[str]:
    """Files that the device may download for its open orders, besides what is released."""
    rows = fetch(
        c,
        "SELECT signed_order FROM lab_run WHERE device_id = ? AND state IN (?, ?) AND expires_at > ?",
        (device_id, *_OPEN, now),
    )
    found = (decode_order(decode_signed_order(bytes(row[0])).order).digests for row in rows)
    return frozenset[str]().union(*found)


def expire_lab_runs(c: Connection, now: float) -> int:
    """Close the runs whose time is over; returns how many."""
    gone = run(
        c,
        "UPDATE lab_run SET state = ?, reason = ?, changed_at = ? WHERE state IN (?, ?) AND expires_at <= ?",
        (
            LabState.EXPIRED.value,
            "The device did not finish in time. Check that it is connected and was started with --lab.",
            now,
            *_OPEN,
            now,
        ),
    )
    if gone:
        touch(c, "lab", now)
    return gone


def add_lab_report(c: Connection, device_id: str, report: LabReport, now: float) -> bool:
    """Keep what a device measured for one of its orders; whether the order is known and names that file."""
    found = _by_serial(c, device_id, report.serial)
    if found is None:
        return False
    names = {file.sha256: file.name for file in (found.order.original, *found.order.candidates)}
    if report.sha256 not in names:
        return False
    touch(c, "lab", now)
    run(
        c,
        "INSERT INTO lab_result (run_id, digest, name, hardware_profile, at, reason, figures)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, digest) DO NOTHING",
        (
            found.id,
            report.sha256,
            names[report.sha256],
            found.order.hardware_profile,
            now,
            bound(report.reason),
            to_text(report.figures) if report.figures else "",
        ),
    )
    _set_state(c, found, LabState.RUNNING, "", now)
    return True


def end_lab_run(c: Connection, device_id: str, serial: int, state: LabState, reason: str, now: float) -> bool:
    """Close a run; whether it was known. One that is closed already stays as it is."""
    found = _by_serial(c, device_id, serial)
    if found is not None:
        _set_state(c, found, state, reason, now)
    return found is not None


def cancel_lab_run(c: Connection, run_id: int, now: float) -> None:
    """Take an order back that was not finished. Raises `UserError`."""
    found = get_lab_run(c, run_id)
    if found is None:
        raise UserError(f"There is no lab run {run_id}.", "List them with: edgeyard lab list")
    if found.state not in OPEN_STATES:
        raise UserError(f"Lab run {run_id} is {found.state} already.", "There is nothing to cancel.")
    _set_state(c, found, LabState.CANCELLED, "", now)


def get_lab_run(c: Connection, run_id: int) -> LabRun | None:
    """One run, or `None`."""
    row = fetch_one(c, f"SELECT {_COLUMNS} FROM lab_run WHERE id = ?", (run_id,))  # noqa: S608
    return _run(row) if row else None


def list_lab_runs(c: Connection, limit: int = 200) -> list[LabRun]:
    """The latest runs, the newest first."""
    rows = fetch(c, f"SELECT {_COLUMNS} FROM lab_run ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608
    return [_run(row) for row in rows]


def lab_results(c: Connection, *, run_id: int | None = None, digests: Sequence[str] = ()) -> list[LabResult]:
    """Results of one run, or of files by their SHA-256; the newest first."""
    where, given = ("lab_result.run_id = ?", [run_id]) if run_id is not None else (_in("digest", digests), [*digests])
    return [_result(*row) for row in fetch(c, f"{_RESULTS} WHERE {where} ORDER BY at DESC, digest", given)]


def latest_lab_results(c: Connection, limit: int = 1000) -> list[LabResult]:
    """The newest results of all runs, the newest first."""
    return [_result(*row) for row in fetch(c, f"{_RESULTS} ORDER BY at DESC, digest LIMIT ?", (limit,))]


def demand_lab(c: Connection, model: str, hardware_profile: str, by: str, now: float) -> None:
    """From now on a release of the model needs lab evidence for this hardware."""
    touch(c, "lab", now)
    run(
        c,
        "INSERT INTO lab_demand (model, hardware_profile, demanded_by, demanded_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (model, hardware_profile) DO NOTHING",
        (bound_name(model), bound_name(hardware_profile), bound_name(by), now),
    )


def drop_lab_demand(c: Connection, model: str, hardware_profile: str, now: float) -> bool:
    """Demand it no more; whether it was demanded."""
    touch(c, "lab", now)
    return bool(run(c, "DELETE FROM lab_demand WHERE model = ? AND hardware_profile = ?", (model, hardware_profile)))


def lab_demands(c: Connection, model: str = "") -> list[tuple[str, str]]:
    """(model, hardware profile) pairs, of one model or of all."""
    rows = fetch(c, "SELECT model, hardware_profile FROM lab_demand ORDER BY model, hardware_profile")
    return [(row[0], row[1]) for row in rows if not model or row[0] == model]


def _by_serial(c: Connection, device_id: str, serial: int) -> LabRun | None:
    row = fetch_one(
        c,
        f"SELECT {_COLUMNS} FROM lab_run WHERE device_id = ? AND serial = ?",  # noqa: S608
        (device_id, serial),
    )
    return _run(row) if row else None


def _set_state(c: Connection, found: LabRun, state: LabState, reason: str, now: float) -> None:
    changed = run(
        c,
        "UPDATE lab_run SET state = ?, reason = ?, changed_at = ? WHERE id = ? AND state IN (?, ?)",
        (state.value, bound(reason), now, found.id, *_OPEN),
    )
    if changed:
        touch(c, "lab", now)


def _run(row: tuple[object, ...]) -> LabRun:
    *facts, signed = row
    order = decode_order(decode_signed_order(bytes(signed)).order)  # type: ignore[call-overload]
    values: list[object] = [*facts[:4], LabState(str(facts[4])), *facts[5:], order]
    return LabRun(*values)  # type: ignore[arg-type]


def _result(
    run_id: int, device_id: str, digest: str, name: str, profile: str, at: float, reason: str, figures: str
) -> LabResult:
    measured = from_text(figures, LabFigures) if figures else None
    return LabResult(run_id, device_id, digest, name, profile, at, reason, measured)


def _in(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})" if values else "1 = 0"
