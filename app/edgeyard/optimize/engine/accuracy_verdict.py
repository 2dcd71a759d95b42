"""Whether an artifact loses little enough accuracy, and how sure that is. Pure."""

from __future__ import annotations

import math

from edgeyard.domain.model import Evidence
from edgeyard.domain.statistic import Z_95

_ROUNDING = 1e-9


def difference_from(evidence: Evidence, original: Evidence) -> float:
    """Accuracy less the original's: on the same samples where they were compared so."""
    if evidence.difference is not None:
        return evidence.difference
    return (evidence.accuracy or 0.0) - (original.accuracy or 0.0)


def within_drop(evidence: Evidence, original: Evidence, max_drop: float) -> bool:
    """Whether it loses no more accuracy than `max_drop` (0 to 1); without labels, agreement stands for accuracy."""
    if evidence.accuracy is not None and original.accuracy is not None:
        return -difference_from(evidence, original) <= max_drop + _ROUNDING
    return evidence.agreement is not None and 1 - evidence.agreement <= max_drop + _ROUNDING


def drop_risk(evidence: Evidence, max_drop: float) -> float:
    """About how likely it is that the true loss is above `max_drop` although the measured one is not.

    The difference is taken as normal with the standard error that its 95 % interval implies; 0 where there is none.
    """
    if evidence.difference is None or evidence.difference_low is None or evidence.difference_high is None:
        return 0.0
    error = (evidence.difference_high - evidence.difference_low) / (2 * Z_95)
    if error <= 0:
        return 0.0 if -evidence.difference <= max_drop + _ROUNDING else 1.0
    return 0.5 * math.erfc((evidence.difference + max_drop) / (error * math.sqrt(2)))
