"""The candidates that nothing else beats in size, latency and accuracy at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.result import Candidate
from edgeyard.optimize.recipe.recipe import ORIGINAL


def pareto_names(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Names of the candidates that are not dominated, in the order given.

    One dominates another when it is at least as small, as fast (`latency_ratio`) and as often right, and better in one
    of them. Without labels, agreement with the original stands for accuracy. What was not run is never in the set.
    """
    original = next((candidate for candidate in candidates if candidate.name == ORIGINAL), None)
    points = {
        candidate.name: point
        for candidate in candidates
        if (point := _point(candidate, original.evidence if original else Evidence())) is not None
    }
    return tuple(name for name, mine in points.items() if not any(_dominates(other, mine) for other in points.values()))


def _point(candidate: Candidate, original: Evidence) -> tuple[float, float, float] | None:
    evidence = candidate.evidence
    right = evidence.accuracy if evidence.accuracy is not None else evidence.agreement
    if evidence.difference is not None and original.accuracy is not None:
        # Comparable also when one of them was judged on fewer samples.
        right = original.accuracy + evidence.difference
    if right is None or evidence.latency_ratio is None:
        return None
    return -candidate.size_bytes, evidence.latency_ratio, right


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
