"""What devices run, by their own signed word. The caller has verified it; the proof is kept too."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import bound_name
from edgeyard.store.change import touch_devices
from edgeyard.store.raw import fetch, fetch_locked, fetch_one, run
from edgeyard.wire.message import RunningStatement


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The latest signed statement as it came, so that anyone can verify it again."""

    statement: bytes
    signature: bytes
    counter: int
    at: float


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One entry of a device's history: from `at` on it ran this."""

    at: float
    model: str
    version: int
    variant: str
    digest: str
    why: str


def set_running(
    c: Connection, device_id: str, statement: RunningStatement, report: bytes, signature: bytes, at: float
) -> bool:
    """Take over what `statement` says runs; `report` and `signature` are its bytes as signed by the device.

    Returns False, changing nothing, for an unknown device or a counter not above the stored one: an old report that
    was repeated must not bring an old state back. A new digest becomes an entry of the device's history.
    """
    row = fetch_locked(c, "SELECT running_digest, previous_digest FROM device WHERE id = ?", (device_id,))
    stored = fetch_one(c, "SELECT counter FROM running_report WHERE device_id = ?", (device_id,))
    if row is None or (stored is not None and statement.counter <= stored[0]):
        return False
    run(
        c,
        "INSERT INTO running_report (device_id, counter, statement, signature, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (device_id) DO UPDATE SET counter = excluded.counter, statement = excluded.statement,"
        " signature = excluded.signature, at = excluded.at",
        (device_id, statement.counter, report, signature, at),
    )
    digest = statement.digest
    model, version, variant = _identify(c, digest, statement.target)
    run(
        c,
        "UPDATE device SET running_digest = ?, running_model = ?, running_version = ?, running_variant = ?,"
        " previous_digest = ? WHERE id = ?",
        (digest, model, version, variant, statement.previous_digest, device_id),
    )
    if digest != row[0]:
        run(
            c,
            "INSERT INTO model_history (device_id, at, model, version, variant, digest, why)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (device_id, at, model, version, variant, digest, _why(c, device_id, digest, before=row[1])),
        )
    touch_devices(c, [device_id], at)
    return True


def running_report(c: Connection, device_id: str) -> StoredReport | None:
    """The device's latest signed statement, or `None`."""
    row = fetch_one(c, "SELECT statement, signature, counter, at FROM running_report WHERE device_id = ?", (device_id,))
    return StoredReport(bytes(row[0]), bytes(row[1]), row[2], row[3]) if row else None


def model_history(c: Connection, device_id: str, limit: int = 200) -> list[ModelRun]:
    """What the device ran, the newest first."""
    rows = fetch(
        c,
        "SELECT at, model, version, variant, digest, why FROM model_history WHERE device_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (device_id, limit),
    )
    return [ModelRun(*row) for row in rows]


def _identify(c: Connection, digest: str, target: str) -> tuple[str, int, str]:
    """Model, version and variant of a running file: by its digest, where versions share a file by the target's name."""
    claimed = _read_target(target) if digest else ("", 0, "")
    known = fetch(
        c,
        "SELECT m.model, m.version, v.name FROM variant v JOIN model_version m ON m.id = v.version_id"
        " WHERE v.digest = ? ORDER BY v.id DESC",
        (digest,),
    )
    if not known or claimed in known:
        return claimed
    model, version, variant = known[0]
    return model, version, variant


def _read_target(target: str) -> tuple[str, int, str]:
    parts = target.removesuffix(".onnx").split("/")
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit()) or len(parts[1]) > 9:
        return "", 0, ""
    return bound_name(parts[0]), int(parts[1]), bound_name(parts[2])


def _why(c: Connection, device_id: str, digest: str, *, before: str) -> str:
    assigned = fetch_one(
        c,
        "SELECT e.rollout_id, a.undo FROM assignment a JOIN execution e ON e.id = a.execution_id"
        " WHERE a.device_id = ? AND a.digest = ?",
        (device_id, digest),
    )
    if assigned:
        return f"sent back by rollout {assigned[0]}" if assigned[1] else f"rollout {assigned[0]}"
    return "went back by itself" if digest and digest == before else "reported by the device"
