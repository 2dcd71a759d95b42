"""A rollout and its waves: what was asked for, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edgeyard.domain.execution import Execution
from edgeyard.domain.gate import GateFinding, GatePolicy


class RolloutState(StrEnum):
    """Where a rollout stands as a whole."""

    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


class WaveState(StrEnum):
    """Where one wave stands."""

    PENDING = "pending"
    RUNNING = "running"
    SOAKING = "soaking"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class RolloutAct(StrEnum):
    """What a person can ask of a rollout; stored as a command row, handled by the hub."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """How a rollout goes out.

    `wave_percents` are cumulative and end with 100. A wave passes when at least `success_threshold` of its devices
    succeeded, and fails as soon as more than `error_threshold` of its finished devices ended badly (with at least
    `min_finished` finished) or success has become impossible. `wave_deadline_s` bounds a wave; `soak_s` is how long a
    wave is watched after its last device finished; `execution_deadline_s` bounds each device, queued time included.
    """

    wave_percents: tuple[int, ...] = (10, 50, 100)
    success_threshold: float = 0.9
    error_threshold: float = 0.1
    min_finished: int = 5
    soak_s: float = 60.0
    wave_deadline_s: float = 86_400.0
    execution_deadline_s: float = 3_600.0
    gate: GatePolicy = field(default_factory=GatePolicy)


@dataclass(frozen=True, slots=True)
class Wave:
    """One stage of a rollout. `index` counts from 0."""

    index: int
    state: WaveState
    state_since: float
    started_at: float | None = None
    devices: int = 0
    findings: tuple[GateFinding, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout with its waves and executions: one consistent snapshot for the controller and the views."""

    id: int
    model: str
    version: int
    version_id: int
    group: str
    state: RolloutState
    state_since: float
    policy: RolloutPolicy
    created_at: float
    created_by: str
    waves: tuple[Wave, ...] = ()
    executions: tuple[Execution, ...] = ()
    reason: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    bytes_planned: int = 0
