"""What is asked of an optimization. Plain data, importable without onnx."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.recipe.recipe import Recipe, Wishes

DEFAULT_BUDGET_S = 120.0
DEFAULT_MEMORY_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class DataFiles:
    """Either `whole`, divided by the job's seed into calibration and evaluation, or the sets apart, none of which may
    share samples with another. Each is whatever `load_data` reads: an NPZ, a folder of class folders, a manifest.

    `golden` is the labelled NPZ that devices test themselves with; only what is to be released needs one.
    """

    whole: Path | None = None
    evaluation: Path | None = None
    calibration: Path | None = None
    golden: Path | None = None


@dataclass(frozen=True, slots=True)
class ProfileBudget:
    """What a variant may cost on one kind of hardware; `None` is no bound.

    Latency is the median of one sample, memory the peak above the empty process. Energy counts only where a device
    measured it.
    """

    size_bytes: int | None = None
    latency_ms: float | None = None
    memory_bytes: int | None = None
    energy_mj: float | None = None


@dataclass(frozen=True, slots=True)
class OptimizeJob:
    """One model, the data to prove variants with, and the hardware to serve (`find_profiles` gives it for ids).

    `preprocessing` overrules what the model file or the data declare. Without a recipe, the default one for this model
    and hardware runs, with `wishes`. `max_drop` is the accuracy that a variant may lose against the original, as a
    fraction. After `budget_s` no step starts, running ones are ended soon, and what exists is proven and chosen from.
    `memory_bytes` is what the worker may reserve. `cache_dir` holds what is never computed twice, one folder per
    model. An earlier result in `out_dir` is replaced.
    """

    source: Path
    data: DataFiles
    out_dir: Path
    cache_dir: Path
    profiles: tuple[HardwareProfile, ...]
    preprocessing: Preprocessing | None = None
    recipe: Recipe | None = None
    wishes: Wishes = field(default_factory=Wishes)
    budgets: dict[str, ProfileBudget] = field(default_factory=dict)
    """By profile id."""
    max_drop: float = 0.01
    budget_s: float = DEFAULT_BUDGET_S
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    seed: int = 1
    threads: int = 1
    """For judging accuracy; latency is always measured with one thread first."""
    background: bool = False
    """Let the window go first."""
    run_off_s: float = 1.0
    """How long the best few and the original are measured side by side at the end."""
