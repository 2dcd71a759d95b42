"""Which of the candidates that would do is the best one for a profile. Pure.

First what surely enough keeps the accuracy, then what is fastest. Among those that are as fast, what another beats in
size and exactness is left out, and the profile's order of data types decides; then agreement with the original, which
varies less by chance than accuracy; then size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.engine.accuracy_verdict import drop_risk
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.result import Candidate
from edgeyard.optimize.engine.suitability import Cost
from edgeyard.optimize.host import HostFacts

ALIKE = 1.05
"""Latencies that differ by less than this factor are alike: the profile's order decides between them."""
RISK = 0.25
"""A candidate whose true loss is above the budget with this probability is only taken when nothing surer will do."""
SURE_SHARE = 0.75
"""And what is surer must be at least this part as fast."""


@dataclass(frozen=True, slots=True)
class Case:
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

    def ratio(self, candidate: Candidate) -> float:
        """How many times as fast as the original, as far as is known."""
        return self.costs[candidate.name].ratio or 1.0

    def is_risky(self, candidate: Candidate) -> bool:
        """Whether it may well lose more accuracy than measured, and than is allowed."""
        return candidate is not self.original and drop_risk(candidate.evidence, self.max_drop) > RISK


def best(fitting: Sequence[Candidate], case: Case) -> Candidate:
    """The best of at least one."""
    sure = [candidate for candidate in fitting if not case.is_risky(candidate)]
    fast_enough = max(map(case.ratio, sure), default=0.0) >= SURE_SHARE * max(map(case.ratio, fitting))
    pool = sure if fast_enough and any(candidate is not case.original for candidate in sure) else fitting
    if any(case.costs[candidate.name].measured for candidate in pool):
        fastest = max(map(case.ratio, pool))
        alike = [candidate for candidate in pool if case.ratio(candidate) * ALIKE >= fastest]
        pool = [candidate for candidate in alike if not any(_beats(other, candidate) for other in alike)]

    def order(candidate: Candidate) -> tuple[int, float, float, int, str]:
        estimated = 0.0 if case.costs[candidate.name].measured else -case.ratio(candidate)
        agreement = round(candidate.evidence.agreement or 0.0, 4)
        return case.rank(candidate), estimated, -agreement, candidate.size_bytes, candidate.name

    return min(pool, key=order)


def _beats(one: Candidate, other: Candidate) -> bool:
    """Whether it is no larger and agrees with the original no less, and is better in one of them."""
    if one is other:
        return False
    mine = (-one.size_bytes, one.evidence.agreement or 0.0)
    its = (-other.size_bytes, other.evidence.agreement or 0.0)
    return mine != its and mine[0] >= its[0] and mine[1] >= its[1]
