"""Which candidate each kind of hardware gets, and why; the rejected ones too. Pure: figures in, sentences out.

A variant is taken only when its accuracy is within the budget, the hardware can run it natively, size, memory and
latency are allowed, and it is surely not slower than the original where a latency measured on such hardware exists.
Where none does (another processor, a GPU), the profile's own order of data types decides, then the estimate, and the
sentence says so. When nothing else will do, the original is kept, and its sentence says what of the budget it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.result import Candidate, Choice, Measurement
from edgeyard.optimize.engine.suitability import (
    Cost,
    budget_obstacle,
    cost_on,
    form_obstacle_on,
    is_measured_here,
    mebibytes,
    runtime_obstacle_on,
)
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.recipe.recipe import ORIGINAL
from edgeyard.optimize.step import Trait

_ROUNDING = 1e-9
ALIKE = 1.05
"""Latencies that differ by less than this factor are alike: the profile's order decides between them."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One profile, and what is known of every candidate on it."""

    profile: HardwareProfile
    host: HostFacts
    original: Candidate
    budget: ProfileBudget
    max_drop: float
    costs: Mapping[str, Cost]

    def rank(self, candidate: Candidate) -> int:
        """The place of its data type in the profile's order."""
        precisions = self.profile.precisions
        known = candidate.precision in precisions
        return precisions.index(candidate.precision) if known else len(precisions)


def choose(
    candidates: Sequence[Candidate],
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    max_drop: float,
    budgets: Mapping[str, ProfileBudget] | None = None,
) -> tuple[Choice, ...]:
    """Choose for each profile. `candidates` hold the original; `max_drop` is the accuracy that may be lost, 0 to 1."""
    original = next(candidate for candidate in candidates if candidate.name == ORIGINAL)
    choices = []
    for profile in profiles:
        costs = {candidate.name: cost_on(candidate, profile, host) for candidate in candidates}
        budget = (budgets or {}).get(profile.id, ProfileBudget())
        choices.append(_choose(_Case(profile, host, original, budget, max_drop, costs), candidates))
    return tuple(choices)


def finalists(
    candidates: Sequence[Candidate],
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    max_drop: float,
    budgets: Mapping[str, ProfileBudget],
    each: int = 3,
) -> tuple[str, ...]:
    """The names that a last measurement side by side should compare: for every profile that this machine stands for
    the `each` fastest that would do, and whatever is picked now; without the original."""
    found: dict[str, None] = {}
    original = next(candidate for candidate in candidates if candidate.name == ORIGINAL)
    for profile in profiles:
        costs = {candidate.name: cost_on(candidate, profile, host) for candidate in candidates}
        case = _Case(profile, host, original, budgets.get(profile.id, ProfileBudget()), max_drop, costs)
        fitting = [candidate for candidate in candidates if not _obstacle(candidate, case)]
        if is_measured_here(profile, host):
            fitting.sort(key=lambda candidate: -(costs[candidate.name].ratio or 1.0))
            found.update(dict.fromkeys(candidate.name for candidate in fitting[:each]))
        elif fitting:
            found[_best(fitting, case).name] = None
    return tuple(name for name in found if name != ORIGINAL)


def _choose(case: _Case, candidates: Sequence[Candidate]) -> Choice:
    reasons: dict[str, str] = {}
    fitting = []
    for candidate in candidates:
        obstacle = _obstacle(candidate, case)
        if obstacle:
            reasons[candidate.name] = f"Not chosen: {obstacle}"
        else:
            fitting.append(candidate)
    if not fitting:
        return _keep_original(case, reasons)
    picked = _best(fitting, case)
    for candidate in fitting:
        figures = _figures(candidate, case)
        if candidate is picked:
            why = "" if case.costs[candidate.name].measured else f"; {_by_order(candidate, case)}"
            reasons[candidate.name] = f"Chosen: {figures}{why}."
        else:
            reasons[candidate.name] = f"Not chosen: {figures}; {_preference(picked, candidate, case)}."
    return Choice(case.profile.id, picked.name, reasons)


def _keep_original(case: _Case, reasons: dict[str, str]) -> Choice:
    """Nothing is within the budgets: the original stays if the hardware can hold and run it at all."""
    original, profile = case.original, case.profile
    impossible = runtime_obstacle_on(original.trait, profile) or (
        "too large" if original.size_bytes > profile.max_model_bytes else ""
    )
    if impossible:
        return Choice(profile.id, "", reasons, meets_budget=False)
    over = reasons[ORIGINAL].removeprefix("Not chosen: ")
    figures = _figures(original, case)
    said = f"Kept, since no variant is within the budget, but {over} It is {figures}."
    return Choice(profile.id, ORIGINAL, {**reasons, ORIGINAL: said}, meets_budget=False)


def _obstacle(candidate: Candidate, case: _Case) -> str:
    """What speaks against a candidate, as the rest of a sentence; empty when nothing does."""
    obstacle = runtime_obstacle_on(candidate.trait, case.profile)
    if not obstacle and candidate is not case.original:
        obstacle = form_obstacle_on(candidate.trait, case.profile)
    if not obstacle:
        obstacle = budget_obstacle(candidate, case.profile, case.budget, case.costs[candidate.name])
    if obstacle or candidate is case.original:
        return obstacle
    return _loss(candidate.evidence, case) or _slower(candidate, case)


def within_drop(evidence: Evidence, original: Evidence, max_drop: float) -> bool:
    """Whether an artifact loses no more accuracy than `max_drop` (0 to 1); without labels, agreement stands for it."""
    if evidence.accuracy is not None and original.accuracy is not None:
        return -difference_from(evidence, original) <= max_drop + _ROUNDING
    return evidence.agreement is not None and 1 - evidence.agreement <= max_drop + _ROUNDING


def difference_from(evidence: Evidence, original: Evidence) -> float:
    """Accuracy less the original's: on the same samples where they were compared so."""
    if evidence.difference is not None:
        return evidence.difference
    return (evidence.accuracy or 0.0) - (original.accuracy or 0.0)


def hopeless_everywhere(
    evidence: Evidence,
    measured: Measurement,
    trait: Trait,
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    max_drop: float,
) -> str:
    """Why a candidate can be chosen for no profile, by figures that are sure already; empty when it still may."""
    if evidence.difference_high is not None and evidence.difference_high < -max_drop:
        return "it surely loses more than it may."
    eligible = [
        profile
        for profile in profiles
        if not runtime_obstacle_on(trait, profile) and not form_obstacle_on(trait, profile)
    ]
    if not eligible:
        return "no profile takes it."
    slower = measured.ratio_high is not None and measured.ratio_high < 1
    measured_for_all = all(is_measured_here(profile, host) for profile in eligible)
    return "it is surely slower than the original." if slower and measured_for_all else ""


def _loss(evidence: Evidence, case: _Case) -> str:
    proof = case.original.evidence
    if within_drop(evidence, proof, case.max_drop):
        return ""
    if evidence.agreement is None:
        return "it could not be run here, so nothing is known of its accuracy."
    if evidence.accuracy is None or proof.accuracy is None:
        return f"it agrees with the original on {evidence.agreement * 100:.1f} % of the unlabelled samples only."
    return f"{_accuracy(evidence, proof)}, more than the {case.max_drop * 100:.1f} points that may be lost."


def _slower(candidate: Candidate, case: _Case) -> str:
    cost = case.costs[candidate.name]
    if not cost.measured or cost.ratio is None or cost.measurement is None:
        return ""
    if cost.ratio < 1:
        return f"{_speed(cost.ratio)} than the original {_place(cost)}."
    low = cost.measurement.ratio_low
    if low is not None and low < 1:
        return f"not surely faster than the original {_place(cost)} ({cost.ratio:.2f}×, 95 % from {low:.2f}×)."
    return ""


def _best(fitting: Sequence[Candidate], case: _Case) -> Candidate:
    def ratio(candidate: Candidate) -> float:
        return case.costs[candidate.name].ratio or 1.0

    def order(candidate: Candidate) -> tuple[int, float, float, int, str]:
        accuracy = candidate.evidence.accuracy or candidate.evidence.agreement or 0.0
        estimated = 0.0 if case.costs[candidate.name].measured else -ratio(candidate)
        return case.rank(candidate), estimated, -accuracy, candidate.size_bytes, candidate.name

    if not any(case.costs[candidate.name].measured for candidate in fitting):
        return min(fitting, key=order)
    fastest = max(map(ratio, fitting))
    return min((candidate for candidate in fitting if ratio(candidate) * ALIKE >= fastest), key=order)


def _figures(candidate: Candidate, case: _Case) -> str:
    original = case.original
    if candidate is original:
        return f"the original, {mebibytes(candidate.size_bytes)}{_of(candidate.evidence)}"
    size = f"{original.size_bytes / candidate.size_bytes:.1f}× smaller"
    if candidate.size_bytes > original.size_bytes:
        size = f"{candidate.size_bytes / original.size_bytes:.1f}× larger"
    parts = [size, _accuracy(candidate.evidence, original.evidence)]
    cost, profile = case.costs[candidate.name], case.profile
    if cost.measured and cost.ratio is not None:
        parts.insert(1, f"{_speed(cost.ratio)} {_place(cost)}")
        return ", ".join(parts)
    parts.append(f"latency not measured on {profile.title}")
    here = candidate.evidence.latency_ratio
    if cost.ratio is not None:
        parts[-1] += f" (estimated {_speed(cost.ratio)})"
    elif here is not None and not profile.accelerator:
        parts[-1] += f" ({_speed(here)} on this {case.host.processor})"
    return ", ".join(parts)


def _by_order(candidate: Candidate, case: _Case) -> str:
    if candidate.precision not in case.profile.precisions:
        return f"nothing that {case.profile.title} runs natively will do"
    place = "the first" if candidate.precision == case.profile.precisions[0] else "the next"
    return f"{candidate.precision} is {place} data type that {case.profile.title} runs natively"


def _preference(picked: Candidate, other: Candidate, case: _Case) -> str:
    ours, theirs = case.costs[picked.name], case.costs[other.name]
    if ours.measured and (ours.ratio or 1.0) > (theirs.ratio or 1.0) * ALIKE:
        return f"{picked.name} is faster {_place(ours)}"
    alike = f"{picked.name} is as fast {_place(ours)}, and " if ours.measured else ""
    if case.rank(picked) != case.rank(other):
        return f"{alike}{picked.precision} comes before {other.precision} on {case.profile.title}"
    if not ours.measured and (ours.ratio or 1.0) > (theirs.ratio or 1.0):
        return f"{picked.name} is estimated to be faster"
    mine, its = picked.evidence.accuracy, other.evidence.accuracy
    if mine is not None and its is not None and mine > its:
        return f"{alike}{picked.name} is more often right"
    return f"{alike}{picked.name} is smaller" if picked.size_bytes < other.size_bytes else f"{alike}nothing is better"


def _place(cost: Cost) -> str:
    return "on the device" if cost.measurement is not None and cost.measurement.label == "device" else "here"


def _speed(ratio: float) -> str:
    """`1.6× faster`, or what is slower."""
    if ratio >= 0.995:
        return f"{ratio:.1f}× faster" if ratio >= ALIKE else "as fast"
    return f"{1 / ratio:.2f}× slower"


def _accuracy(evidence: Evidence, original: Evidence) -> str:
    """`−0.3 points (79.1 % [75.3, 82.4])`."""
    if evidence.accuracy is None or original.accuracy is None:
        return f"agrees on {(evidence.agreement or 0) * 100:.1f} % of the samples"
    points = difference_from(evidence, original) * 100
    sign = "−" if points < -0.05 else "+" if points > 0.05 else "±"
    return f"{sign}{abs(points):.1f} points ({_interval(evidence)})"


def _of(evidence: Evidence) -> str:
    return "" if evidence.accuracy is None else f", {_interval(evidence)}"


def _interval(evidence: Evidence) -> str:
    low, high = evidence.accuracy_low or 0.0, evidence.accuracy_high or 1.0
    return f"{(evidence.accuracy or 0) * 100:.1f} % [{low * 100:.1f}, {high * 100:.1f}]"
