"""Whether a model as it is can run on a kind of hardware: operators, versions, shapes and sizes against the profile.

Pure: a summary and a profile in, sentences out. What a pass could still change (data type, opset) is a note; what no
pass changes is an obstacle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from edgeyard.domain.hardware import RUNTIMES, HardwareProfile, Runtime
from edgeyard.domain.hardware.roofline import PRECISION_BYTES
from edgeyard.optimize.correction_store import Corrections
from edgeyard.optimize.estimate import estimate_summary
from edgeyard.optimize.summary import ModelSummary

RUNS, PARTLY, NO = "runs", "partly", "no"
_FLOAT_BYTES = 4
_CONVERTIBLE = range(7, 22)
"""Opsets that a pass can convert between."""


@dataclass(frozen=True, slots=True)
class ProfileFit:
    """How a model fits one profile, on the preferred runtime that can run it.

    `verdict` is `runs`, `partly` (some operators run on the processor instead), or `no`. `estimates` are milliseconds
    per sample on one core by data type: never measured, but estimated.
    """

    profile: str
    title: str
    runtime: str
    verdict: str
    unsupported: dict[str, int] = field(default_factory=dict)
    """How often each operator occurs that the runtime lacks."""
    obstacles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    estimates: dict[str, float] = field(default_factory=dict)


def fit_profile(summary: ModelSummary, profile: HardwareProfile, corrections: Corrections | None = None) -> ProfileFit:
    """The fit on the first of the profile's runtimes that runs the model, if only partly; on the first if none does."""
    fits = [_fit(summary, profile, RUNTIMES[name]) for name in profile.runtimes if name in RUNTIMES]
    best = next((fit for fit in fits if fit.verdict != NO), fits[0])
    estimates = {}
    for precision in profile.precisions:
        estimate = estimate_summary(summary, profile, precision, corrections=corrections)
        if estimate is not None:
            estimates[precision] = round(estimate.latency_ms, 4)
    return ProfileFit(
        best.profile, best.title, best.runtime, best.verdict, best.unsupported, best.obstacles, best.notes, estimates
    )


def fit_profiles(
    summary: ModelSummary, profiles: Iterable[HardwareProfile], corrections: Corrections | None = None
) -> tuple[ProfileFit, ...]:
    """`fit_profile` for each."""
    return tuple(fit_profile(summary, profile, corrections) for profile in profiles)


def _fit(summary: ModelSummary, profile: HardwareProfile, runtime: Runtime) -> ProfileFit:
    unsupported = {name: count for name, count in _operators(summary).items() if runtime.lacks(name)}
    obstacles, notes = _size_words(summary, profile)
    if unsupported:
        names = ", ".join(f"{name} ({count})" for name, count in list(unsupported.items())[:5])
        more = f" and {len(unsupported) - 5} more kinds" if len(unsupported) > 5 else ""
        said = f"{runtime.title} lacks {names}{more}"
        if runtime.falls_back:
            notes.append(f"{said}: they run on the processor, which is slower.")
        else:
            obstacles.append(f"{said}.")
    for words, can_change in _version_words(summary, runtime):
        (notes if can_change else obstacles).append(words)
    if runtime.static_shapes and summary.dynamic_axes:
        obstacles.append(f"{runtime.title} needs fixed sizes, but {', '.join(summary.dynamic_axes[:3])} are free.")
    elif runtime.static_shapes and summary.batch is None:
        notes.append(f"{runtime.title} needs fixed sizes: the batch is set to 1.")
    if runtime.int8_only and not summary.already_quantized:
        notes.append(f"{runtime.title} takes int8 only: it needs calibration data.")
    notes += _alignment_words(summary, profile)
    verdict = NO if obstacles else PARTLY if unsupported else RUNS
    return ProfileFit(profile.id, profile.title, runtime.name, verdict, unsupported, tuple(obstacles), tuple(notes))


def _operators(summary: ModelSummary) -> dict[str, int]:
    """Those that are left at run time: what only computes weights is done before."""
    constant = Counter(layer.operator for layer in summary.layers if layer.constant)
    left = {name: count - constant[name] for name, count in summary.operators.items()}
    return {name: count for name, count in left.items() if count > 0}


def _version_words(summary: ModelSummary, runtime: Runtime) -> Iterable[tuple[str, bool]]:
    """What is wrong with opset and IR version, and whether a pass can convert it."""
    if summary.opset > runtime.max_opset or summary.opset < runtime.min_opset:
        can_change = summary.opset in _CONVERTIBLE
        words = f"Opset {summary.opset}: {runtime.title} {runtime.versions} takes {runtime.min_opset} to"
        yield f"{words} {runtime.max_opset}{'; it can be converted' if can_change else ''}.", can_change
    if summary.ir_version > runtime.max_ir_version:
        words = f"IR version {summary.ir_version}: {runtime.title} {runtime.versions} takes up to"
        yield f"{words} {runtime.max_ir_version}; it can be converted.", True


def _size_words(summary: ModelSummary, profile: HardwareProfile) -> tuple[list[str], list[str]]:
    """Obstacles and notes about memory: with the smallest data type that the hardware runs, and with the file's own."""
    obstacles, notes = [], []
    least = min((PRECISION_BYTES.get(name, _FLOAT_BYTES) for name in profile.precisions), default=_FLOAT_BYTES)
    share = 1.0 if summary.already_quantized else least / _FLOAT_BYTES
    weights, activations = summary.weight_bytes * share, summary.peak_activation_bytes * share
    for needed, limit, what in (
        (weights, profile.max_model_bytes, "weights need"),
        (weights + activations, profile.memory_bytes, "weights and activations need"),
    ):
        if needed > limit:
            obstacles.append(f"Its {what} {_mebibytes(needed)} at least; {profile.title} has {_mebibytes(limit)}.")
    if not obstacles and summary.size_bytes > profile.max_model_bytes:
        notes.append(
            f"The file of {_mebibytes(summary.size_bytes)} does not fit the {_mebibytes(profile.max_model_bytes)} of a"
            " slot; smaller data types do."
        )
    if profile.sample_cache_bytes and weights > profile.sample_cache_bytes:
        notes.append(
            f"Weights of {_mebibytes(weights)} exceed the {_mebibytes(profile.sample_cache_bytes)} on the chip and are"
            " streamed for every sample."
        )
    return obstacles, notes


def _alignment_words(summary: ModelSummary, profile: HardwareProfile) -> list[str]:
    convolutions = [layer for layer in summary.layers if layer.operator == "Conv" and len(layer.kernel) > 2]
    uneven = sum(layer.kernel[0] % profile.alignment != 0 for layer in convolutions)
    if not uneven:
        return []
    words = f"{uneven} of {len(convolutions)} convolutions have channels that are no multiple of {profile.alignment}"
    return [f"{words}: part of each vector is computed for nothing."]


def _mebibytes(size_bytes: float) -> str:
    return f"{size_bytes / (1 << 20):.2f} MiB" if size_bytes < 10 << 20 else f"{size_bytes / (1 << 20):.0f} MiB"
