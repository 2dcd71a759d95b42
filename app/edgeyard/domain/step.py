"""What the rollout controller decides; the hub applies all steps of one decision in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.gate import GateFinding
from edgeyard.domain.rollout import RolloutState, WaveState


@dataclass(frozen=True, slots=True)
class SetRollout:
    """Move the rollout to a state, with the reason shown to people."""

    state: RolloutState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetWave:
    """Move a wave to a state; `findings` are the gate's evidence once it was judged."""

    index: int
    state: WaveState
    reason: str = ""
    findings: tuple[GateFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class SetExecution:
    """Move one execution to a state."""

    execution_id: int
    state: ExecutionState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Assign:
    """Sign a new assignment for a device. `execution_id` is `None` when it only restates what the device runs.

    An empty `digest` withdraws the assignment: the device had no model before, and keeps what it has.
    """

    device_id: str
    digest: str
    execution_id: int | None
    undo: bool


@dataclass(frozen=True, slots=True)
class AddExecution:
    """Add a queued execution of the way back: to `digest`, which the device ran before, from `previous_digest`."""

    device_id: str
    wave: int
    digest: str
    previous_digest: str


Step = SetRollout | SetWave | SetExecution | Assign | AddExecution
