"""What is asked of an optimization, and what comes back. Plain data: the desktop imports it without onnx."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgeyard.domain.model import Evidence, Preprocessing
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class OptimizeRequest:
    """One version of a model, the data to prove variants with, and the hardware to serve.

    `evaluation` and `golden` are labelled NPZ files, `calibration` needs no labels; none should share samples with
    another. `preprocessing` overrules what the model file declares. `max_drop` is the accuracy that a variant may lose
    against the original on `evaluation`, as a fraction. An earlier result in `out_dir` is replaced.
    """

    source: Path
    evaluation: Path
    out_dir: Path
    profiles: tuple[str, ...]
    calibration: Path | None = None
    golden: Path | None = None
    preprocessing: Preprocessing | None = None
    max_drop: float = 0.01
    latency_budget_s: float = 1.5
    skipped: dict[str, str] = field(default_factory=dict)
    """Passes not to try, and why: those that crashed an earlier worker."""


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One proven variant in its file. `profiles` are those it was chosen for; `reasons` has a sentence for each."""

    name: str
    precision: str
    path: Path
    sha256: str
    size_bytes: int
    evidence: Evidence
    profiles: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    lineage: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RejectedVariant:
    """A pass that made nothing, or something that could not be proven, and why in one sentence."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class OptimizeResult:
    """The variants lie in `out_dir`, and this beside them as `result.json`.

    `picked` names a variant for each profile, or nothing where none will do.
    """

    summary: ModelSummary
    preprocessing: Preprocessing
    variants: tuple[VariantResult, ...]
    rejected: tuple[RejectedVariant, ...]
    picked: dict[str, str]
    golden_sha256: str = ""
    golden_size_bytes: int = 0
    duration_s: float = 0.0
    log: tuple[str, ...] = ()
