"""Executions: one row for each attempt of one device. Reports are believed only where `may_follow` allows it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.controller import ACTIVE_STATES
from edgeyard.domain.execution import LIVE_STATES, Execution, ExecutionState, TrialEvidence, may_follow
from edgeyard.store.bound import bound, natural
from edgeyard.store.change import touch
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.raw import fetch, fetch_locked, fetch_one, insert_row, run
from edgeyard.store.rollout_event import add_rollout_event

COLUMNS = (
    "id, rollout_id, wave, device_id, attempt, digest, previous_digest, state, state_since, reason, evidence, undo"
)


def set_execution_state(
    c: Connection,
    execution_id: int,
    state: ExecutionState,
    reason: str,
    evidence: TrialEvidence | None,
    now: float,
    *,
    device_id: str | None = None,
    downloaded_bytes: int | None = None,
) -> bool:
    """Move an execution to `state`; returns whether that was believed.

    Ends are final, so a late or repeated report changes nothing. `device_id` says who reports: a report about another
    device's execution is not believed. `evidence` and `downloaded_bytes` replace what is there when given.
    `state_since` moves only when the state does.
    """
    row = fetch_locked(
        c, "SELECT rollout_id, wave, device_id, state, reason FROM execution WHERE id = ?", (execution_id,)
    )
    if row is None or (device_id is not None and row[2] != device_id):
        return False
    rollout_id, wave, owner, old_state, old_reason = row
    if not may_follow(ExecutionState(old_state), state):
        return False
    reason = bound(reason)
    moved = old_state != state.value
    run(
        c,
        "UPDATE execution SET state = ?, reason = ?, evidence = coalesce(?, evidence),"
        " downloaded_bytes = coalesce(?, downloaded_bytes) WHERE id = ?",
        (state.value, reason, to_text(evidence) if evidence else None, natural(downloaded_bytes), execution_id),
    )
    if moved:
        run(c, "UPDATE execution SET state_since = ? WHERE id = ?", (now, execution_id))
        add_rollout_event(c, rollout_id, "execution", state.value, reason, now, wave=wave, device_id=owner)
    if moved or evidence or reason != old_reason:
        touch(c, "rollouts", now)
    return True


def add_execution(
    c: Connection,
    rollout_id: int,
    wave: int,
    device_id: str,
    digest: str,
    previous_digest: str,
    now: float,
    *,
    undo: bool = True,
) -> int:
    """Queue another attempt for a device of the rollout, the way back by default; returns the execution's id."""
    fetch_locked(c, "SELECT id FROM rollout WHERE id = ?", (rollout_id,))
    last = fetch_one(
        c, "SELECT max(attempt) FROM execution WHERE rollout_id = ? AND device_id = ?", (rollout_id, device_id)
    )
    values = {
        "rollout_id": rollout_id,
        "wave": wave,
        "device_id": device_id,
        "attempt": (last[0] or 0) + 1 if last else 1,
        "digest": digest,
        "previous_digest": previous_digest,
        "state": ExecutionState.QUEUED.value,
        "state_since": now,
        "reason": "",
        "undo": undo,
        "downloaded_bytes": 0,
    }
    execution_id = insert_row(c, "execution", values)
    queued = ExecutionState.QUEUED.value
    add_rollout_event(c, rollout_id, "execution", queued, "", now, wave=wave, device_id=device_id)
    touch(c, "rollouts", now)
    return execution_id


def get_execution(c: Connection, execution_id: int) -> Execution | None:
    """One execution, or `None`."""
    row = fetch_one(c, f"SELECT {COLUMNS} FROM execution WHERE id = ?", (execution_id,))  # noqa: S608
    return read_execution(row) if row else None


def executions_of_device(c: Connection, device_id: str, limit: int = 100) -> list[Execution]:
    """The device's attempts in all rollouts, the newest first."""
    sql = f"SELECT {COLUMNS} FROM execution WHERE device_id = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
    return [read_execution(row) for row in fetch(c, sql, (device_id, limit))]


def executions_of_rollout(c: Connection, rollout_id: int) -> tuple[Execution, ...]:
    """All attempts of a rollout, in the order they were queued."""
    rows = fetch(c, f"SELECT {COLUMNS} FROM execution WHERE rollout_id = ?", (rollout_id,))  # noqa: S608
    return tuple(read_execution(row) for row in sorted(rows))


def busy_devices(c: Connection) -> dict[str, str]:
    """Devices with a live execution in an active rollout, and which: `rollout 7 (yard-vision 2)`."""
    live = [state.value for state in LIVE_STATES]
    active = [state.value for state in ACTIVE_STATES]
    rows = fetch(
        c,
        "SELECT e.device_id, r.id, r.model, r.version FROM rollout r JOIN execution e ON e.rollout_id = r.id"  # noqa: S608
        f" WHERE r.state IN ({', '.join('?' * len(active))}) AND e.state IN ({', '.join('?' * len(live))})"
        " ORDER BY r.id",
        (*active, *live),
    )
    return {row[0]: f"rollout {row[1]} ({row[2]} {row[3]})" for row in rows}


def read_execution(row: tuple[Any, ...]) -> Execution:
    """An `Execution` from a row of `COLUMNS`."""
    evidence = None if row[10] is None else from_text(row[10], TrialEvidence)
    return Execution(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        ExecutionState(row[7]),
        row[8],
        row[9],
        evidence,
        bool(row[11]),
    )
