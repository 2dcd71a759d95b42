"""What comes out of an optimization. Plain data, importable without onnx."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeyard.domain.model import Evidence, Preprocessing
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.recipe.plan import Plan
from edgeyard.optimize.recipe.recipe import Recipe
from edgeyard.optimize.step import Trait
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class Measurement:
    """What running an artifact cost on one machine, interleaved there with the original.

    `label` is `device` (a lab device of that profile), `host` (the machine that optimized) or `estimated`;
    `measured_on` names machine, instruction set, runtime and threads. `profile` is the hardware that the figures count
    for. Latencies are per sample at batch 1; `ratio` is original ÷ this one, above 1 is faster, with a 95 % interval.
    `memory_bytes` is the peak above the process before the model was loaded.
    """

    profile: str
    label: str
    measured_on: str
    threads: int = 1
    p50_ms: float | None = None
    p95_ms: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    memory_bytes: int | None = None
    energy_mj: float | None = None
    repetitions: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One artifact that was proven from its file, the original (`ORIGINAL`) among them.

    `name` is the id of its step. `profiles` are those it was picked for, `reasons` has a sentence for each profile of
    the job; `limits` says for profiles whose runtimes do not take the file why not. `figures` are what the steps on its
    way reported, by step id, for charts. `pareto`: nothing else is at once smaller, faster and more accurate.
    """

    name: str
    title: str
    trait: Trait
    path: Path
    sha256: str
    size_bytes: int
    evidence: Evidence
    measurements: tuple[Measurement, ...] = ()
    pareto: bool = False
    profiles: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    lineage: dict[str, str] = field(default_factory=dict)

    @property
    def precision(self) -> str:
        """A word of `HardwareProfile.precisions`."""
        return self.trait.precision


@dataclass(frozen=True, slots=True)
class Rejected:
    """A step that made nothing, or something that could not be proven. `cause` is a stable word: `obstacle`, `failed`,
    `crashed`, `memory`, `disk`, `budget`, `unproven`, `unneeded`, `source` (the step it works on made nothing)."""

    name: str
    title: str
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """For one profile: the name of the candidate (empty when none will do), and a sentence for every candidate.

    `meets_budget` is false when what was picked is the original although it is over a budget.
    """

    profile: str
    picked: str
    reasons: dict[str, str] = field(default_factory=dict)
    meets_budget: bool = True


@dataclass(frozen=True, slots=True)
class JobResult:
    """The files of the candidates lie in `out_dir`, and this beside them as `result.json`.

    `samples` counts the sets: `evaluation`, `calibration`, `golden`. `ended` is `complete`, or `budget` when time was
    over before all steps ran.
    """

    summary: ModelSummary
    preprocessing: Preprocessing
    recipe: Recipe
    plan: Plan
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    choices: tuple[Choice, ...]
    samples: dict[str, int] = field(default_factory=dict)
    ended: str = "complete"
    golden_sha256: str = ""
    golden_size_bytes: int = 0
    max_drop: float = 0.0
    machine: HostFacts = field(default_factory=lambda: HostFacts("", "", None, ()))
    """Where it was optimized: what `host` measured."""
    duration_s: float = 0.0
    log: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The machine in words."""
        return self.machine.sentence

    @property
    def picked(self) -> dict[str, str]:
        """The chosen candidate for each profile, or nothing where none will do."""
        return {choice.profile: choice.picked for choice in self.choices}

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name; `KeyError` when there is none."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(name)
