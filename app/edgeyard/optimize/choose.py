"""Which variant each kind of hardware gets, and why; the rejected ones too. Pure: figures in, sentences out.

A variant is taken only when its accuracy is within the budget, it fits the slot, the hardware runs its data type
natively, and it is not slower than the original where a latency measured here means anything for that hardware. Where
it means nothing (another processor, a GPU), the profile's own order of data types decides, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.optimize.host import HostFacts

ORIGINAL = "fp32"
_ROUNDING = 1e-9
ALIKE = 1.05
"""Latencies that differ by less than this factor are alike: the profile's order decides between them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One proven variant. `form` is the layout of int8 (`HardwareProfile.int8_form`)."""

    name: str
    precision: str
    form: str
    size_bytes: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Choice:
    """For one profile: the name of the variant (empty when none will do), and a sentence for every candidate."""

    profile: str
    picked: str
    reasons: dict[str, str] = field(default_factory=dict)


def choose_variants(
    candidates: Sequence[Candidate], profiles: Sequence[HardwareProfile], host: HostFacts, max_drop: float
) -> tuple[Choice, ...]:
    """Choose for each profile. `candidates` hold the original; `max_drop` is the accuracy that may be lost, 0 to 1."""
    return tuple(_choose(candidates, profile, host, max_drop) for profile in profiles)


def _choose(candidates: Sequence[Candidate], profile: HardwareProfile, host: HostFacts, max_drop: float) -> Choice:
    original = next(candidate for candidate in candidates if candidate.name == ORIGINAL)
    measured = host.stands_for(profile)
    reasons: dict[str, str] = {}
    fitting = []
    for candidate in candidates:
        obstacle = _obstacle(candidate, original, profile, measured, max_drop)
        if obstacle:
            reasons[candidate.name] = f"Not chosen: {obstacle}"
        else:
            fitting.append(candidate)
    if not fitting:
        return Choice(profile.id, "", reasons)
    picked = _best(fitting, profile, measured)
    for candidate in fitting:
        figures = _figures(candidate, original, profile, host, measured)
        if candidate is picked:
            why = "" if measured else f"; {_by_order(candidate, profile)}"
            reasons[candidate.name] = f"Chosen: {figures}{why}."
        else:
            reasons[candidate.name] = f"Not chosen: {figures}; {_preference(picked, candidate, profile, measured)}."
    return Choice(profile.id, picked.name, reasons)


def _obstacle(
    candidate: Candidate, original: Candidate, profile: HardwareProfile, measured: bool, max_drop: float
) -> str:
    """What speaks against a candidate, as the rest of a sentence; empty when nothing does."""
    if candidate.precision not in profile.precisions:
        return f"{profile.title} runs {_words(profile.precisions)} natively, not {candidate.precision}."
    if candidate.form and candidate.form != profile.int8_form:
        return f"this layout of int8 is for other processors; {profile.title} takes int8-{profile.int8_form}."
    if candidate.size_bytes > profile.max_model_bytes:
        return f"its {_mebibytes(candidate.size_bytes)} do not fit the {_mebibytes(profile.max_model_bytes)} of a slot."
    if candidate is original:
        return ""
    evidence, proof = candidate.evidence, original.evidence
    if evidence.accuracy is not None and proof.accuracy is not None:
        drop = proof.accuracy - evidence.accuracy
        if drop > max_drop + _ROUNDING:
            return f"{_accuracy(evidence, proof)}, more than the {max_drop * 100:.1f} points that may be lost."
    elif evidence.agreement is None or 1 - evidence.agreement > max_drop:
        share = (evidence.agreement or 0) * 100
        return f"it agrees with the original on {share:.1f} % of the unlabelled samples only."
    ratio = evidence.latency_ratio
    if measured and ratio is not None and ratio < 1:
        return f"{_speed(ratio)} than the original here."
    return ""


def _best(fitting: Sequence[Candidate], profile: HardwareProfile, measured: bool) -> Candidate:
    def rank(candidate: Candidate) -> int:
        return profile.precisions.index(candidate.precision)

    if not measured:
        return min(fitting, key=rank)
    fastest = max(candidate.evidence.latency_ratio or 1.0 for candidate in fitting)
    alike = [candidate for candidate in fitting if (candidate.evidence.latency_ratio or 1.0) * ALIKE >= fastest]
    return min(alike, key=rank)


def _figures(
    candidate: Candidate, original: Candidate, profile: HardwareProfile, host: HostFacts, measured: bool
) -> str:
    if candidate is original:
        return f"the original, {_mebibytes(candidate.size_bytes)}{_of(candidate.evidence)}"
    size = f"{original.size_bytes / candidate.size_bytes:.1f}× smaller"
    if candidate.size_bytes > original.size_bytes:
        size = f"{candidate.size_bytes / original.size_bytes:.1f}× larger"
    parts = [size, _accuracy(candidate.evidence, original.evidence)]
    ratio = candidate.evidence.latency_ratio
    if measured and ratio is not None:
        parts.insert(1, f"{_speed(ratio)} here")
    else:
        parts.append(f"latency not measured on {profile.title}")
        if ratio is not None and not profile.accelerator:
            parts[-1] += f" ({_speed(ratio)} on this {host.processor})"
    return ", ".join(parts)


def _by_order(candidate: Candidate, profile: HardwareProfile) -> str:
    place = "the first" if candidate.precision == profile.precisions[0] else "the next"
    return f"{candidate.precision} is {place} data type that {profile.title} runs natively"


def _preference(picked: Candidate, other: Candidate, profile: HardwareProfile, measured: bool) -> str:
    if measured and (picked.evidence.latency_ratio or 1.0) > (other.evidence.latency_ratio or 1.0) * ALIKE:
        return f"{picked.name} is faster here"
    alike = f"{picked.name} is as fast here, and " if measured else ""
    return f"{alike}{picked.precision} comes before {other.precision} on {profile.title}"


def _speed(ratio: float) -> str:
    """`1.6× faster`, or what is slower."""
    if ratio >= 0.995:
        return f"{ratio:.1f}× faster" if ratio >= ALIKE else "as fast"
    return f"{1 / ratio:.2f}× slower"


def _accuracy(evidence: Evidence, original: Evidence) -> str:
    """`−0.3 points (79.1 % [75.3, 82.4])`."""
    if evidence.accuracy is None or original.accuracy is None:
        return f"agrees on {(evidence.agreement or 0) * 100:.1f} % of the samples"
    points = (evidence.accuracy - original.accuracy) * 100
    sign = "−" if points < -0.05 else "+" if points > 0.05 else "±"
    return f"{sign}{abs(points):.1f} points ({_interval(evidence)})"


def _of(evidence: Evidence) -> str:
    return "" if evidence.accuracy is None else f", {_interval(evidence)}"


def _interval(evidence: Evidence) -> str:
    low, high = evidence.accuracy_low or 0.0, evidence.accuracy_high or 1.0
    return f"{(evidence.accuracy or 0) * 100:.1f} % [{low * 100:.1f}, {high * 100:.1f}]"


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.2f} MiB" if size_bytes < 10 << 20 else f"{size_bytes / (1 << 20):.0f} MiB"


def _words(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
