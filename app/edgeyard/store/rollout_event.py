"""What happened to a rollout, entry by entry: for the time line, the report and the replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import bound
from edgeyard.store.raw import fetch, run

STORY = ("rollout", "wave", "command")
"""The kinds that tell the story; `execution` adds every step of every device."""


@dataclass(frozen=True, slots=True)
class RolloutEvent:
    """One entry: `kind` says of what `state` is the new state (of a command: the act)."""

    at: float
    kind: str
    wave: int | None
    device_id: str
    state: str
    text: str


def add_rollout_event(
    c: Connection,
    rollout_id: int,
    kind: str,
    state: str,
    text: str,
    now: float,
    *,
    wave: int | None = None,
    device_id: str = "",
) -> None:
    """Add one entry; nothing ever changes or removes one."""
    run(
        c,
        "INSERT INTO rollout_event (rollout_id, at, kind, wave, device_id, state, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (rollout_id, now, kind, wave, device_id, state, bound(text)),
    )


def rollout_events(
    c: Connection, rollout_id: int, limit: int = 200, kinds: Sequence[str] = STORY
) -> list[RolloutEvent]:
    """The latest entries of these kinds, the newest first."""
    marks = ", ".join("?" * len(kinds))
    rows = fetch(
        c,
        "SELECT at, kind, wave, device_id, state, text FROM rollout_event"  # noqa: S608 - only marks
        f" WHERE rollout_id = ? AND kind IN ({marks}) ORDER BY id DESC LIMIT ?",
        (rollout_id, *kinds, limit),
    )
    return [RolloutEvent(*row) for row in rows]
