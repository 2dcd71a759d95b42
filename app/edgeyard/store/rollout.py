"""Rollouts with their waves, as the controller decides on them and the views show them.

`execution`, `rollout_command` and `rollout_event` hold the rows below a rollout; what they offer can be imported from
here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.controller import ACTIVE_STATES
from edgeyard.domain.error import UserError
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.gate import GateFinding
from edgeyard.domain.rollout import Rollout, RolloutPolicy, RolloutState, Wave, WaveState
from edgeyard.store.bound import bound
from edgeyard.store.change import touch
from edgeyard.store.execution import (
    add_execution,
    busy_devices,
    executions_of_device,
    executions_of_rollout,
    get_execution,
    set_execution_state,
)
from edgeyard.store.json_text import from_text, to_text
from edgeyard.store.new_rollout import ExecutionPlan, NewRollout, create_rollout
from edgeyard.store.raw import fetch, fetch_locked, fetch_one, run
from edgeyard.store.rollout_command import RolloutCommand, add_command, close_command, open_commands
from edgeyard.store.rollout_event import RolloutEvent, add_rollout_event, rollout_events

__all__ = [
    "ExecutionPlan",
    "NewRollout",
    "RolloutCommand",
    "RolloutEvent",
    "RolloutSummary",
    "add_command",
    "add_execution",
    "busy_devices",
    "close_command",
    "create_rollout",
    "downloaded_bytes",
    "excluded",
    "executions_of_device",
    "get_execution",
    "get_rollout",
    "list_rollouts",
    "live_rollouts",
    "open_commands",
    "rollout_events",
    "set_execution_state",
    "set_rollout_state",
    "set_wave_state",
]

ENDED_STATES = (RolloutState.SUCCEEDED, RolloutState.FAILED, RolloutState.CANCELLED, RolloutState.UNDONE)

_COLUMNS = (
    "id, model, version, version_id, group_name, state, state_since, policy, created_at, created_by, reason,"
    " started_at, ended_at, bytes_planned"
)


@dataclass(frozen=True, slots=True)
class RolloutSummary:
    """A rollout with counts in place of its executions. `rollout.executions` is empty.

    `counts[wave][state]` counts the executions forward; `back_counts` those of the way back, over all waves.
    """

    rollout: Rollout
    counts: tuple[dict[ExecutionState, int], ...]
    back_counts: dict[ExecutionState, int]

    @property
    def devices(self) -> int:
        """How many devices the rollout reaches."""
        return sum(wave.devices for wave in self.rollout.waves)

    def total(self, *states: ExecutionState) -> int:
        """How many executions forward are in one of these states."""
        return sum(counts.get(state, 0) for counts in self.counts for state in states)


def get_rollout(c: Connection, rollout_id: int) -> Rollout:
    """One rollout with waves and executions; raises `UserError` for one that does not exist."""
    row = fetch_one(c, f"SELECT {_COLUMNS} FROM rollout WHERE id = ?", (rollout_id,))  # noqa: S608
    if row is None:
        raise UserError(f"There is no rollout {rollout_id}.", "Choose one from the list.")
    waves = _waves(c, [rollout_id])[rollout_id]
    return _read(row, waves, executions_of_rollout(c, rollout_id))


def list_rollouts(c: Connection, limit: int = 100) -> list[RolloutSummary]:
    """The latest rollouts, the newest first."""
    rows = fetch(c, f"SELECT {_COLUMNS} FROM rollout ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608
    ids = [row[0] for row in rows]
    waves = _waves(c, ids)
    forward, back = _counts(c, ids)
    return [
        RolloutSummary(
            _read(row, waves[row[0]], ()),
            tuple(forward[row[0], wave.index] for wave in waves[row[0]]),
            back[row[0]],
        )
        for row in rows
    ]


def live_rollouts(c: Connection) -> list[int]:
    """Rollouts that are the controller's work: active ones, and ended ones of which a person asked something."""
    states = [state.value for state in ACTIVE_STATES]
    rows = fetch(
        c,
        f"SELECT id FROM rollout WHERE state IN ({', '.join('?' * len(states))})"  # noqa: S608
        " UNION SELECT rollout_id FROM rollout_command WHERE handled_at IS NULL",
        states,
    )
    return sorted(row[0] for row in rows)


def set_rollout_state(c: Connection, rollout_id: int, state: RolloutState, reason: str, now: float) -> None:
    """Move the rollout to `state`; the first RUNNING starts its clock, an end stops it, UNDOING lets it run on."""
    row = fetch_locked(c, "SELECT state, started_at FROM rollout WHERE id = ?", (rollout_id,))
    if row is None:
        return
    old_state, started_at = row
    moved = old_state != state.value
    if state is RolloutState.RUNNING and started_at is None:
        started_at = now
    run(
        c,
        "UPDATE rollout SET state = ?, reason = ?, started_at = ? WHERE id = ?",
        (state.value, bound(reason), started_at, rollout_id),
    )
    if moved:
        ended_at = now if state in ENDED_STATES else None
        run(c, "UPDATE rollout SET state_since = ?, ended_at = ? WHERE id = ?", (now, ended_at, rollout_id))
        add_rollout_event(c, rollout_id, "rollout", state.value, reason, now)
    touch(c, "rollouts", now)


def set_wave_state(
    c: Connection,
    rollout_id: int,
    index: int,
    state: WaveState,
    reason: str,
    findings: Sequence[GateFinding],
    now: float,
) -> None:
    """Move one wave to `state`, with the gate's findings; the first RUNNING starts its clock."""
    row = fetch_locked(
        c,
        "SELECT state, state_since, started_at FROM wave WHERE rollout_id = ? AND wave_index = ?",
        (rollout_id, index),
    )
    if row is None:
        return
    old_state, state_since, started_at = row
    moved = old_state != state.value
    if state is WaveState.RUNNING and started_at is None:
        started_at = now
    run(
        c,
        "UPDATE wave SET state = ?, state_since = ?, started_at = ?, reason = ?, findings = ?"
        " WHERE rollout_id = ? AND wave_index = ?",
        (
            state.value,
            now if moved else state_since,
            started_at,
            bound(reason),
            to_text(list(findings)),
            rollout_id,
            index,
        ),
    )
    if moved:
        add_rollout_event(c, rollout_id, "wave", state.value, reason, now, wave=index)
    touch(c, "rollouts", now)


def excluded(c: Connection, rollout_id: int) -> list[tuple[str, str]]:
    """Devices of the group that the rollout leaves out, and why."""
    rows = fetch(c, "SELECT device_id, reason FROM rollout_exclusion WHERE rollout_id = ?", (rollout_id,))
    return [(row[0], row[1]) for row in sorted(rows)]


def downloaded_bytes(c: Connection, rollout_id: int) -> int:
    """Bytes that devices report to have downloaded for the rollout so far."""
    row = fetch_one(c, "SELECT sum(downloaded_bytes) FROM execution WHERE rollout_id = ?", (rollout_id,))
    return int(row[0] or 0) if row else 0


def _waves(c: Connection, rollout_ids: Sequence[int]) -> defaultdict[int, tuple[Wave, ...]]:
    found: defaultdict[int, tuple[Wave, ...]] = defaultdict(tuple)
    if not rollout_ids:
        return found
    rows = fetch(
        c,
        "SELECT rollout_id, wave_index, state, state_since, started_at, devices, findings, reason FROM wave"  # noqa: S608
        f" WHERE rollout_id IN ({', '.join('?' * len(rollout_ids))})",
        rollout_ids,
    )
    for rollout_id, index, state, since, started_at, devices, findings, reason in sorted(rows):
        read_findings = from_text(findings, tuple[GateFinding, ...])
        found[rollout_id] += (Wave(index, WaveState(state), since, started_at, devices, read_findings, reason),)
    return found


def _counts(
    c: Connection, rollout_ids: Sequence[int]
) -> tuple[defaultdict[tuple[int, int], dict[ExecutionState, int]], defaultdict[int, dict[ExecutionState, int]]]:
    forward: defaultdict[tuple[int, int], dict[ExecutionState, int]] = defaultdict(dict)
    back: defaultdict[int, dict[ExecutionState, int]] = defaultdict(dict)
    if not rollout_ids:
        return forward, back
    rows = fetch(
        c,
        "SELECT rollout_id, wave, undo, state, count(*) FROM execution"  # noqa: S608
        f" WHERE rollout_id IN ({', '.join('?' * len(rollout_ids))}) GROUP BY rollout_id, wave, undo, state",
        rollout_ids,
    )
    for rollout_id, wave, undo, state, count in rows:
        counted = back[rollout_id] if undo else forward[rollout_id, wave]
        counted[ExecutionState(state)] = counted.get(ExecutionState(state), 0) + count
    return forward, back


def _read(row: tuple[Any, ...], waves: tuple[Wave, ...], executions: tuple[Any, ...]) -> Rollout:
    return Rollout(
        id=row[0],
        model=row[1],
        version=row[2],
        version_id=row[3],
        group=row[4],
        state=RolloutState(row[5]),
        state_since=row[6],
        policy=from_text(row[7], RolloutPolicy),
        created_at=row[8],
        created_by=row[9],
        waves=waves,
        executions=executions,
        reason=row[10],
        started_at=row[11],
        ended_at=row[12],
        bytes_planned=row[13],
    )
