"""One device's attempt at one assignment: its states, and which may follow which."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExecutionState(StrEnum):
    """Where one device is with one assignment."""

    QUEUED = "queued"
    NOTIFIED = "notified"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    SELF_TESTING = "self_testing"
    TRIAL = "trial"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    TIMED_OUT = "timed_out"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


LIVE_STATES = (
    ExecutionState.QUEUED,
    ExecutionState.NOTIFIED,
    ExecutionState.DOWNLOADING,
    ExecutionState.VERIFIED,
    ExecutionState.SELF_TESTING,
    ExecutionState.TRIAL,
)
"""In order of progress. A device that was restarted may report an earlier one again."""

BAD_ENDS = (
    ExecutionState.REJECTED,
    ExecutionState.FAILED,
    ExecutionState.ROLLED_BACK,
    ExecutionState.TIMED_OUT,
)


def is_live(state: ExecutionState) -> bool:
    """Whether the execution still has somewhere to go."""
    return state in LIVE_STATES


def may_follow(old: ExecutionState, new: ExecutionState) -> bool:
    """Whether a report of `new` is to be believed after `old`: ends are final, live states may repeat or go back."""
    return is_live(old) and new is not ExecutionState.QUEUED


@dataclass(frozen=True, slots=True)
class TrialEvidence:
    """What a device measured of the new model against the one it ran before, on itself.

    Accuracies are fractions 0..1 on the release's golden set; `previous_*` are of the device's own previous model,
    `None` where it had none. Latencies are milliseconds per inference. `errors` and `crashes` count during the trial.
    """

    samples: int = 0
    accuracy: float | None = None
    previous_accuracy: float | None = None
    agreement: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    previous_latency_p95_ms: float | None = None
    inferences: int = 0
    errors: int = 0
    crashes: int = 0
    memory_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One row of a rollout: this device, this attempt. Times are Unix seconds of the hub's clock."""

    id: int
    rollout_id: int
    wave: int
    device_id: str
    attempt: int
    digest: str
    previous_digest: str
    state: ExecutionState
    state_since: float
    reason: str = ""
    evidence: TrialEvidence | None = None
    undo: bool = False
    """An execution of the way back: its `digest` is what the device ran before the rollout."""
