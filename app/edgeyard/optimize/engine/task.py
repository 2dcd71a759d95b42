"""What the supervisor of a job asks of its worker, and what the worker answers. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.correction_store import Correction
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.result import Candidate, Rejected
from edgeyard.optimize.recipe.plan import Plan
from edgeyard.optimize.recipe.recipe import Recipe
from edgeyard.optimize.sidecar.message import SidecarRequest
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a step is left out: it ended an earlier worker of this job, or its sidecar could not do it."""

    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkTask:
    """One run of a worker. `source_sha256` names the model's folder in `job.cache_dir`, where the original lies.

    `elapsed_s` is how long the job has run already. `run_off` is false when the last measurement ended a worker.
    """

    job: OptimizeJob
    source_sha256: str
    elapsed_s: float = 0.0
    skipped: dict[str, Skip] = field(default_factory=dict)
    run_off: bool = True
    sidecar_obstacles: dict[str, str] = field(default_factory=dict)
    """By the name of a sidecar that cannot be started on this machine: why not."""
    corrections: tuple[Correction, ...] = ()
    """What this machine has learned about its estimates."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that a sidecar must do now, outside the jail, in `folder`; then the worker is run again."""

    step: str
    folder: Path
    request: SidecarRequest


@dataclass(frozen=True, slots=True)
class WorkReport:
    """What a worker has done. Paths of candidates are in the cache; nothing is chosen yet."""

    summary: ModelSummary
    preprocessing: Preprocessing
    recipe: Recipe
    plan: Plan
    candidates: tuple[Candidate, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    samples: dict[str, int] = field(default_factory=dict)
    ended: str = "complete"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobOutline:
    """What a job would do, before it starts."""

    summary: ModelSummary
    preprocessing: Preprocessing
    recipe: Recipe
    plan: Plan
    samples: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
