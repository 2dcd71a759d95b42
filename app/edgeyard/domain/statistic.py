"""The few statistics that gates and evidence stand on."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209); `(0, 1)` without trials."""
    if trials <= 0:
        return 0.0, 1.0
    share = successes / trials
    denominator = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / denominator
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / denominator
    # Rounding must not push a share of exactly 0 or 1 out of its own interval.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def median(values: Sequence[float]) -> float:
    """Median of at least one value; the mean of the middle two for an even count."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """A range that holds the true median with at least `confidence`, whatever the distribution.

    By order statistics of the binomial distribution with p = ½ (Conover, Practical Nonparametric Statistics, 1999,
    section 3.2). `None` when there are too few values for it: six are needed for 95 %.
    """
    ordered, count = sorted(values), len(values)
    outside, below = 0.0, 0
    # How far both ends may move inwards before more than 1 − confidence lies outside.
    while below <= count // 2:
        step = math.comb(count, below) / 2**count
        if 2 * (outside + step) > 1 - confidence:
            break
        outside += step
        below += 1
    return (ordered[below - 1], ordered[count - below]) if below else None


def mcnemar_p(gained: int, lost: int) -> float:
    """Exact two-sided McNemar test (McNemar 1947, Psychometrika 12:153; exact: binomial of the discordant pairs with
    chance ½): how likely a difference at least this large is when neither of two classifiers is better.

    Args:
        gained: samples that only the second has right.
        lost: samples that only the first has right.
    """
    discordant = gained + lost
    fewer = min(gained, lost)
    if 2 * fewer >= discordant:
        return 1.0
    logs = [
        math.lgamma(discordant + 1) - math.lgamma(k + 1) - math.lgamma(discordant - k + 1) - discordant * math.log(2)
        for k in range(fewer + 1)
    ]
    return min(1.0, 2 * sum(map(math.exp, logs)))


def paired_difference_interval(
    both: int, gained: int, lost: int, neither: int, z: float = Z_95
) -> tuple[float, float, float]:
    """Difference of two proportions over the same samples (second less first), with its 95 % interval.

    Newcombe 1998, Statistics in Medicine 17:2635, method 10: the Wilson intervals of both proportions, combined by
    square and add with a corrected correlation; also Altman, "Statistics with Confidence", 2000, p. 52. Without
    samples the difference is 0 and the interval -1 to 1.

    Args:
        both: samples that both have right.
        gained: that only the second has right.
        lost: that only the first has right.
        neither: that none has right.
    """
    samples = both + gained + lost + neither
    if samples <= 0:
        return 0.0, -1.0, 1.0
    second, first = both + gained, both + lost
    p2, p1 = second / samples, first / samples
    low2, high2 = wilson_interval(second, samples, z)
    low1, high1 = wilson_interval(first, samples, z)
    margins = second * (samples - second) * first * (samples - first)
    excess: float = both * neither - gained * lost
    if excess > 0:
        excess = max(0, excess - samples / 2)
    correlation = excess / math.sqrt(margins) if margins else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))

    difference = (gained - lost) / samples
    return difference, difference - reach(p2 - low2, high1 - p1), difference + reach(high2 - p2, p1 - low1)
