"""Which candidate each kind of hardware gets, and why; the rejected ones too. Pure: figures in, sentences out.

A variant is taken only when its accuracy is within the budget, the hardware can run it natively, size, memory and
latency are allowed, and it is surely not slower than the original where a latency measured on such hardware exists.
Where none does (another processor, a GPU), the profile's own order of data types decides, then the estimate, and the
sentence says so. When nothing else will do, the original is kept, and its sentence says what of the budget it breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.accuracy_verdict import difference_from, within_drop
from edgeyard.optimize.engine.choice_words import accuracy, by_order, figures, place, preference, speed
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.preference import ALIKE, SURE_SHARE, Case, best
from edgeyard.optimize.engine.result import Candidate, Choice, Measurement
from edgeyard.optimize.engine.suitability import (
    budget_obstacle,
    cost_on,
    form_obstacle_on,
    is_measured_here,
    runtime_obstacle_on,
)
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.recipe.recipe import ORIGINAL
from edgeyard.optimize.step import Trait

_CLOSE = 0.001


def choose(
    candidates: Sequence[Candidate],
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    max_drop: float,
    budgets: Mapping[str, ProfileBudget] | None = None,
) -> tuple[Choice, ...]:
    """Choose for each profile. `candidates` hold the original; `max_drop` is the accuracy that may be lost, 0 to 1."""
    cases = (case_of(candidates, profile, host, max_drop, budgets or {}) for profile in profiles)
    return tuple(_choose(case, candidates) for case in cases)


def case_of(
    candidates: Sequence[Candidate],
    profile: HardwareProfile,
    host: HostFacts,
    max_drop: float,
    budgets: Mapping[str, ProfileBudget],
) -> Case:
    """What is known of the candidates, the original among them, on one profile."""
    original = next(candidate for candidate in candidates if candidate.name == ORIGINAL)
    costs = {candidate.name: cost_on(candidate, profile, host) for candidate in candidates}
    return Case(profile, host, original, budgets.get(profile.id, ProfileBudget()), max_drop, costs)


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
    for profile in profiles:
        case = case_of(candidates, profile, host, max_drop, budgets)
        fitting = [candidate for candidate in candidates if not _obstacle(candidate, case)]
        if is_measured_here(profile, host):
            fitting.sort(key=case.ratio, reverse=True)
            found.update(dict.fromkeys(candidate.name for candidate in fitting[:each]))
        elif fitting:
            found[best(fitting, case).name] = None
    return tuple(name for name in found if name != ORIGINAL)


def _choose(case: Case, candidates: Sequence[Candidate]) -> Choice:
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
    picked = best(fitting, case)
    for candidate in fitting:
        known = figures(candidate, case)
        if candidate is picked:
            why = "" if case.costs[candidate.name].measured else f"; {by_order(candidate, case)}"
            risk = f"; {_risk_words(candidate, case)}" if case.is_risky(candidate) else ""
            reasons[candidate.name] = f"Chosen: {known}{why}{risk}."
        else:
            reasons[candidate.name] = f"Not chosen: {known}; {preference(picked, candidate, case)}."
    return Choice(case.profile.id, picked.name, reasons)


def _keep_original(case: Case, reasons: dict[str, str]) -> Choice:
    """Nothing is within the budgets: the original stays if the hardware can hold and run it at all."""
    original, profile = case.original, case.profile
    too_large = original.size_bytes > profile.max_model_bytes
    if too_large or runtime_obstacle_on(original.trait, profile) or profile.id in original.limits:
        return Choice(profile.id, "", reasons, meets_budget=False)
    over = reasons[ORIGINAL].removeprefix("Not chosen: ")
    said = f"Kept, since no variant is within the budget, but {over} It is {figures(original, case)}."
    return Choice(profile.id, ORIGINAL, {**reasons, ORIGINAL: said}, meets_budget=False)


def _obstacle(candidate: Candidate, case: Case) -> str:
    """What speaks against a candidate, as the rest of a sentence; empty when nothing does."""
    obstacle = runtime_obstacle_on(candidate.trait, case.profile) or candidate.limits.get(case.profile.id, "")
    if not obstacle and candidate is not case.original:
        obstacle = form_obstacle_on(candidate.trait, case.profile)
    if not obstacle:
        obstacle = budget_obstacle(candidate, case.profile, case.budget, case.costs[candidate.name])
    if obstacle or candidate is case.original:
        return obstacle
    return _loss(candidate.evidence, case) or _slower(candidate, case)


def hopeless_everywhere(
    evidence: Evidence,
    measured: Measurement,
    trait: Trait,
    profiles: Sequence[HardwareProfile],
    host: HostFacts,
    max_drop: float,
    candidates: Sequence[Candidate] = (),
    budgets: Mapping[str, ProfileBudget] | None = None,
) -> str:
    """Why an artifact can be chosen for no profile, by figures that are sure already; empty when it still may.

    `candidates` are those proven so far, the original among them, or none.
    """
    if evidence.difference_high is not None and evidence.difference_high < -max_drop:
        return "it surely loses more than it may."
    eligible = [
        profile
        for profile in profiles
        if not runtime_obstacle_on(trait, profile) and not form_obstacle_on(trait, profile)
    ]
    if not eligible:
        return "no profile takes it."
    if all(_is_surpassed(measured, profile, host, candidates, max_drop, budgets) for profile in eligible):
        return "what is proven already is surely faster and will do."
    slower = measured.ratio_high is not None and measured.ratio_high < 1
    measured_for_all = all(is_measured_here(profile, host) for profile in eligible)
    return "it is surely slower than the original." if slower and measured_for_all else ""


def _is_surpassed(
    measured: Measurement,
    profile: HardwareProfile,
    host: HostFacts,
    candidates: Sequence[Candidate],
    max_drop: float,
    budgets: Mapping[str, ProfileBudget] | None,
) -> bool:
    """Whether something that will do is faster: by more than is alike when it will surely, else by so much that being
    surer is not enough (`preference.best`)."""
    if not candidates or measured.ratio_high is None or not is_measured_here(profile, host):
        return False
    case = case_of(candidates, profile, host, max_drop, budgets or {})
    return any(
        case.ratio(candidate) >= measured.ratio_high * (1 / SURE_SHARE if case.is_risky(candidate) else ALIKE)
        and not _obstacle(candidate, case)
        for candidate in candidates
        if candidate is not case.original
    )


def _loss(evidence: Evidence, case: Case) -> str:
    proof = case.original.evidence
    if within_drop(evidence, proof, case.max_drop):
        return ""
    if evidence.agreement is None:
        return "it could not be run here, so nothing is known of its accuracy."
    if evidence.accuracy is None or proof.accuracy is None:
        return f"it agrees with the original on {evidence.agreement * 100:.1f} % of the unlabelled samples only."
    close = abs(-difference_from(evidence, proof) - case.max_drop) < _CLOSE
    decimals = 2 if close else 1  # so that the two figures are not the same to read
    lost = accuracy(evidence, proof, decimals)
    return f"{lost}, more than the {case.max_drop * 100:.{decimals}f} points that may be lost."


def _risk_words(candidate: Candidate, case: Case) -> str:
    low = candidate.evidence.difference_low or 0.0
    return (
        f"with this few samples its loss may be up to {-low * 100:.1f} points,"
        f" more than the {case.max_drop * 100:.1f} allowed"
    )


def _slower(candidate: Candidate, case: Case) -> str:
    cost = case.costs[candidate.name]
    if not cost.measured or cost.ratio is None or cost.measurement is None:
        return ""
    if cost.ratio < 1:
        return f"{speed(cost.ratio)} than the original {place(cost)}."
    if cost.ratio < ALIKE and candidate.size_bytes >= case.original.size_bytes:
        return f"no smaller than the original, and as fast {place(cost)}."
    low = cost.measurement.ratio_low
    if low is not None and low < 1:
        return f"not surely faster than the original {place(cost)} ({cost.ratio:.2f}×, 95 % from {low:.2f}×)."
    return ""
