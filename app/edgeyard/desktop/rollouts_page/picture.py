"""One rollout as the page shows it, read at once: its devices, its story, what was asked and not yet done."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from edgeyard.desktop.feed import UNCHANGED
from edgeyard.desktop.plan.natural_order import NaturalOrder, natural_order
from edgeyard.domain.error import UserError
from edgeyard.domain.execution import BAD_ENDS, Execution, ExecutionState, is_live
from edgeyard.domain.rollout import Rollout, RolloutAct
from edgeyard.store import rollout as store
from edgeyard.store.change import change_counter
from edgeyard.store.database import Connection
from edgeyard.store.rollout import RolloutEvent

_REST = 5.0
"""How many times as long as the last reading took to wait before the next."""


class CellKind(IntEnum):
    """What a device's cell says, from the worst to the calmest."""

    BAD = 0
    WORKING = 1
    RETURNING = 2
    WAITING = 3
    STOPPED = 4
    RETURNED = 5
    DONE = 6


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device of the rollout: its latest attempt, and all of them. `order` sorts names as people count."""

    device_id: str
    wave: int
    latest: Execution
    attempts: tuple[Execution, ...]
    kind: CellKind
    order: NaturalOrder

    @property
    def told(self) -> Execution:
        """The attempt that says why: the way back is silent about what went wrong on the way out."""
        forward = [attempt for attempt in self.attempts if not attempt.undo]
        return self.latest if self.latest.reason or not forward else forward[-1]


@dataclass(frozen=True, slots=True)
class RolloutPicture:
    """A consistent snapshot, worked out on the reader's thread. `asked` are acts that the hub has not handled yet."""

    rollout: Rollout
    rows: tuple[DeviceRow, ...]
    by_wave: tuple[tuple[DeviceRow, ...], ...]
    wave_counts: tuple[Counter[CellKind], ...]
    counts: Counter[CellKind]
    excluded: tuple[tuple[str, str], ...]
    events: tuple[RolloutEvent, ...]
    asked: tuple[RolloutAct, ...]
    downloaded_bytes: int
    at: float

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.rollout.state in store.ENDED_STATES


def cell_kind(execution: Execution) -> CellKind:
    """The condition of a device by its latest attempt."""
    if is_live(execution.state):
        if execution.undo:
            return CellKind.RETURNING
        return CellKind.WAITING if execution.state is ExecutionState.QUEUED else CellKind.WORKING
    if execution.state in BAD_ENDS:
        return CellKind.BAD
    if execution.state is ExecutionState.SUCCEEDED:
        return CellKind.RETURNED if execution.undo else CellKind.DONE
    return CellKind.STOPPED


class PictureReader:
    """Reads one rollout again and again for a feed: only when it changed, and never most of the time.

    A rollout over ten thousand devices takes a fifth of a second to read and may change all the time; what comes too
    soon waits for the feed's next turn.
    """

    def __init__(self, rollout_id: int) -> None:
        self._rollout_id = rollout_id
        self._seen = -1
        self._not_before = 0.0

    def read(self, c: Connection, now: float) -> object:
        """A `RolloutPicture`, `None` when there is none with this id, or `UNCHANGED`."""
        counter = change_counter(c)["rollouts"]
        began = time.monotonic()
        if counter == self._seen or began < self._not_before:
            return UNCHANGED
        picture = read_picture(c, self._rollout_id, now)
        ended = time.monotonic()
        self._seen, self._not_before = counter, ended + _REST * (ended - began)
        return picture


def read_picture(c: Connection, rollout_id: int, now: float) -> RolloutPicture | None:
    """Read one rollout; `None` when there is none with this id."""
    try:
        found = store.get_rollout(c, rollout_id)
    except UserError:
        return None
    rows = _rows(found)
    by_wave = tuple(tuple(row for row in rows if row.wave == wave.index) for wave in found.waves)
    wave_counts = tuple(Counter(row.kind for row in members) for members in by_wave)
    return RolloutPicture(
        found,
        rows,
        by_wave,
        wave_counts,
        sum(wave_counts, Counter()),
        tuple(store.excluded(c, rollout_id)),
        tuple(store.rollout_events(c, rollout_id)),
        tuple(command.act for command in store.open_commands(c) if command.rollout_id == rollout_id),
        store.downloaded_bytes(c, rollout_id),
        now,
    )


def _rows(rollout: Rollout) -> tuple[DeviceRow, ...]:
    attempts: dict[str, list[Execution]] = {}
    for execution in rollout.executions:
        attempts.setdefault(execution.device_id, []).append(execution)
    rows = [
        DeviceRow(device, found[0].wave, found[-1], tuple(found), cell_kind(found[-1]), natural_order(device))
        for device, found in attempts.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.wave, row.order)))
