"""What people ask of rollouts: rows that the active hub handles, each once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.domain.rollout import RolloutAct
from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.raw import fetch, insert_row
from edgeyard.store.rollout_event import add_rollout_event


@dataclass(frozen=True, slots=True)
class RolloutCommand:
    """An act that was asked for and not yet handled."""

    id: int
    rollout_id: int
    act: RolloutAct
    by: str
    at: float


def add_command(c: Connection, rollout_id: int, act: RolloutAct, by: str, now: float) -> int:
    """Ask the hub for `act`; returns the command's id."""
    touch(c, "rollouts", now)
    values = {
        "rollout_id": rollout_id,
        "act": act.value,
        "by": bound_name(by),
        "at": now,
        "outcome": "",
    }
    command_id = insert_row(c, "rollout_command", values)
    add_rollout_event(c, rollout_id, "command", act.value, f"Asked for by {bound_name(by)}.", now)
    return command_id


def open_commands(c: Connection) -> list[RolloutCommand]:
    """Commands that wait for the hub, in the order they were given."""
    rows = fetch(c, "SELECT id, rollout_id, act, by, at FROM rollout_command WHERE handled_at IS NULL ORDER BY id")
    return [RolloutCommand(row[0], row[1], RolloutAct(row[2]), row[3], row[4]) for row in rows]


def close_command(c: Connection, command_id: int, outcome: str, now: float) -> bool:
    """Mark a command as handled, in the transaction that carries it out. False if another one already did."""
    rows = fetch(
        c,
        "UPDATE rollout_command SET handled_at = ?, outcome = ? WHERE id = ? AND handled_at IS NULL"
        " RETURNING rollout_id, act",
        (now, bound(outcome), command_id),
    )
    if not rows:
        return False
    rollout_id, act = rows[0]
    add_rollout_event(c, rollout_id, "command", act, outcome, now)
    touch(c, "rollouts", now)
    return True
