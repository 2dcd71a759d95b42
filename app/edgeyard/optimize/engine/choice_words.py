"""Figures of a candidate in the words of a reason. Pure."""

from __future__ import annotations

from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.accuracy_verdict import difference_from
from edgeyard.optimize.engine.preference import ALIKE, Case
from edgeyard.optimize.engine.result import Candidate
from edgeyard.optimize.engine.suitability import Cost, mebibytes


def figures(candidate: Candidate, case: Case) -> str:
    """`3.4× smaller, 1.6× faster here, −0.4 points (79.6 % [75.8, 82.9])`."""
    original = case.original
    if candidate is original:
        of_it = "" if candidate.evidence.accuracy is None else f", {_interval(candidate.evidence)}"
        return f"the original, {mebibytes(candidate.size_bytes)}{of_it}"
    size = f"{original.size_bytes / candidate.size_bytes:.1f}× smaller"
    if candidate.size_bytes > original.size_bytes:
        size = f"{candidate.size_bytes / original.size_bytes:.1f}× larger"
    parts = [size, accuracy(candidate.evidence, original.evidence)]
    cost, profile = case.costs[candidate.name], case.profile
    if cost.measured and cost.ratio is not None:
        parts.insert(1, f"{speed(cost.ratio)} {place(cost)}")
        return ", ".join(parts)
    parts.append(f"latency not measured on {profile.title}")
    here = candidate.evidence.latency_ratio
    if cost.ratio is not None:
        parts[-1] += f" (estimated {speed(cost.ratio)})"
    elif here is not None and not profile.accelerator:
        parts[-1] += f" ({speed(here)} on this {case.host.processor})"
    return ", ".join(parts)


def by_order(candidate: Candidate, case: Case) -> str:
    """Why it was chosen where nothing was measured."""
    if candidate.precision not in case.profile.precisions:
        return f"nothing that {case.profile.title} runs natively will do"
    order = "the first" if candidate.precision == case.profile.precisions[0] else "the next"
    return f"{candidate.precision} is {order} data type that {case.profile.title} runs natively"


def preference(picked: Candidate, other: Candidate, case: Case) -> str:
    """Why not the other one, which would do as well."""
    ours, theirs = case.costs[picked.name], case.costs[other.name]
    if case.is_risky(other) and not case.is_risky(picked):
        return f"{picked.name} keeps the accuracy more surely"
    if ours.measured and (ours.ratio or 1.0) > (theirs.ratio or 1.0) * ALIKE:
        return f"{picked.name} is faster {place(ours)}"
    alike = f"{picked.name} is as fast {place(ours)}, and " if ours.measured else ""
    if case.rank(picked) != case.rank(other):
        return f"{alike}{_by_rank(picked, other, case)}"
    if not ours.measured and (ours.ratio or 1.0) > (theirs.ratio or 1.0):
        return f"{picked.name} is estimated to be faster"
    if (picked.evidence.agreement or 0.0) > (other.evidence.agreement or 0.0):
        return f"{alike}{picked.name} agrees with the original more often"
    if picked.size_bytes < other.size_bytes:
        return f"{alike}{picked.name} is smaller"
    return f"{alike}nothing is better"


def _by_rank(picked: Candidate, other: Candidate, case: Case) -> str:
    if case.rank(picked) > case.rank(other):
        return f"{picked.name} is smaller and no less exact"
    return f"{picked.precision} comes before {other.precision} on {case.profile.title}"


def place(cost: Cost) -> str:
    """Where it was measured."""
    return "on the device" if cost.measurement is not None and cost.measurement.label == "device" else "here"


def speed(ratio: float) -> str:
    """`1.6× faster`, or what is slower."""
    if ratio >= 0.995:
        return f"{ratio:.1f}× faster" if ratio >= ALIKE else "as fast"
    return f"{1 / ratio:.2f}× slower"


def accuracy(evidence: Evidence, original: Evidence, decimals: int = 1) -> str:
    """`−0.3 points (79.1 % [75.3, 82.4])`."""
    if evidence.accuracy is None or original.accuracy is None:
        return f"agrees on {(evidence.agreement or 0) * 100:.1f} % of the samples"
    points = difference_from(evidence, original) * 100
    sign = "−" if points < -0.05 else "+" if points > 0.05 else "±"
    return f"{sign}{abs(points):.{decimals}f} points ({_interval(evidence)})"


def _interval(evidence: Evidence) -> str:
    low, high = evidence.accuracy_low or 0.0, evidence.accuracy_high or 1.0
    return f"{(evidence.accuracy or 0) * 100:.1f} % [{low * 100:.1f}, {high * 100:.1f}]"
