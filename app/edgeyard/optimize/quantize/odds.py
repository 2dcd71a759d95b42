"""How likely a variant keeps its accuracy within a budget, from how often its answers flip on a few samples.

A variant that gives another class than the original either loses a right answer or gains one. How often it flips is
seen well on a thousand samples; which way, hardly: ten flips are too few to tell. So the share of losses among the
flips gets a prior, Beta(5, 5): rounding pushes answers either way, nearly as often. With L losses and W gains in n
samples the drop is (L + W) ÷ n · (2·p − 1), p following Beta(5 + L, 5 + W) (A. Gelman et al., "Bayesian Data Analysis",
3rd edition, 2013, section 2.4), here by its mean and variance as a normal distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

_PRIOR = 5.0


@dataclass(frozen=True, slots=True)
class Flips:
    """Of `samples` answers `losses` became wrong and `gains` right; `unknown` changed where there are no labels.

    Without labels few flips are taken for tosses of a coin at the border between two classes, and many for damage: of a
    rate r of flips, ½ + r are counted as losses, at most all.
    """

    samples: int
    losses: int = 0
    gains: int = 0
    unknown: int = 0
    agreement: float = 1.0

    @property
    def expected_drop(self) -> float:
        """Mean of the accuracy lost, as a fraction."""
        lost, won = self._counted
        return self._rate * (lost - won) / (lost + won + 2 * _PRIOR)

    def probability_within(self, max_drop: float) -> float:
        """That the true drop is at most `max_drop` (a fraction)."""
        lost, won = self._counted
        total = lost + won + 2 * _PRIOR
        mean = (lost + _PRIOR) / total
        spread = 2 * sqrt(mean * (1 - mean) / (total + 1)) * self._rate
        return 0.5 * (1 + erf((max_drop - self.expected_drop) / spread / sqrt(2)))

    @property
    def _counted(self) -> tuple[float, float]:
        lost = min(1.0, 0.5 + self.unknown / self.samples) * self.unknown
        return self.losses + lost, self.gains + self.unknown - lost

    @property
    def _rate(self) -> float:
        """Flips per sample; none seen may still mean one in as many samples."""
        return max(1, self.losses + self.gains + self.unknown) / self.samples


def flips_of(scores: NDArray[np.float32], original: NDArray[np.float32], labels: NDArray[np.int64] | None) -> Flips:
    """Compare the answers (N×classes). Scores of more axes are compared at every place, and have no labels."""
    axis = 1 if scores.ndim > 1 else 0
    now, before = scores.argmax(axis=axis), original.argmax(axis=axis)
    agreement = float((now == before).mean())
    if labels is None or now.ndim != 1:
        return Flips(now.size, unknown=int((now != before).sum()), agreement=agreement)
    right, was_right = now == labels, before == labels
    losses, gains = int((was_right & ~right).sum()), int((right & ~was_right).sum())
    return Flips(len(labels), losses, gains, 0, agreement)
