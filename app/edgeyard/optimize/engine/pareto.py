"""The candidates that nothing else beats in size, latency and accuracy at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.optimize.engine.result import Candidate


def pareto_names(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Names of the candidates that are not dominated, in the order given.

    One dominates another when it is at least as small, as fast (`latency_ratio`) and as often right, and better in one
    of them. Without labels, agreement with the original stands for accuracy. What was not run is never in the set.
    """
    points = {candidate.name: point for candidate in candidates if (point := _point(candidate)) is not None}
    return tuple(name for name, mine in points.items() if not any(_dominates(other, mine) for other in points.values()))


def _point(candidate: Candidate) -> tuple[float, float, float] | None:
    evidence = candidate.evidence
    right = evidence.accuracy if evidence.accuracy is not None else evidence.agreement
    if right is None or evidence.latency_ratio is None:
        return None
    return -candidate.size_bytes, evidence.latency_ratio, right


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
