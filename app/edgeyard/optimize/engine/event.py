"""What a running job says, as it happens. Every event has the whole job's fraction and a sentence for people."""

from __future__ import annotations

from typing import Any

import msgspec

from edgeyard.optimize.engine.result import Candidate, Choice
from edgeyard.optimize.recipe.plan import Plan


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    fraction: float = 0.0
    """Of the whole job, 0 to 1; never falls, also when the worker is started again."""
    text: str = ""
    at_s: float = 0.0
    """Seconds since the job began."""


class JobPlanned(_Event, frozen=True, tag="planned"):
    """The model was inspected and the data read; this is what comes."""

    plan: Plan


class StepStarted(_Event, frozen=True, tag="started"):
    """A step runs now (`phase` is `run`) or its artifact is proven (`prove`). `step` may be `ORIGINAL` or `run-off`."""

    step: str
    phase: str = "run"
    limit_s: float = 0.0
    """After so many seconds it is given up; 0 for no limit of its own."""


class StepProgress(_Event, frozen=True, tag="progress"):
    """Said by the pass itself; `done` is the fraction of this step."""

    step: str
    done: float


class StepDone(_Event, frozen=True, tag="done"):
    """The artifact of a step is there; `cached` when an earlier job had made it."""

    step: str
    took_s: float
    cached: bool = False
    size_bytes: int = 0
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = {}


class StepFailed(_Event, frozen=True, tag="failed"):
    """A step made nothing, or nothing that could be proven; `cause` as in `Rejected`."""

    step: str
    cause: str
    reason: str


class CandidateProven(_Event, frozen=True, tag="proven"):
    """An artifact with its figures; again with better ones after the run-off. No choice in it yet."""

    candidate: Candidate


class ParetoChanged(_Event, frozen=True, tag="pareto"):
    """The candidates that nothing else beats in size, latency and accuracy at once, and what would be picked now."""

    names: tuple[str, ...]
    picked: dict[str, str]
    """By profile id."""


class JobPicked(_Event, frozen=True, tag="picked"):
    """The final choice."""

    choices: tuple[Choice, ...]


class JobNote(_Event, frozen=True, tag="note"):
    """Anything else worth a line in the log: a restart, the jail, a set that is small."""


Event = (
    JobPlanned
    | StepStarted
    | StepProgress
    | StepDone
    | StepFailed
    | CandidateProven
    | ParetoChanged
    | JobPicked
    | JobNote
)
