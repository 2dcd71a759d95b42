"""How far a variant's outputs are from the original's, and what that does to its answers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.model import Evidence
from edgeyard.domain.statistic import mcnemar_p, paired_difference_interval, wilson_interval

MAX_SQNR_DB = 200.0
"""What equal outputs are given: beyond the precision of float32 anyway."""


def sqnr_db(reference: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Signal to quantization noise of the outputs: 10·log₁₀(Σ reference² ÷ Σ (reference − scores)²), in decibels."""
    signal = float(np.square(reference.astype(np.float64)).sum())
    noise = float(np.square(reference.astype(np.float64) - scores.astype(np.float64)).sum())
    if noise <= signal * 10 ** (-MAX_SQNR_DB / 10):
        return MAX_SQNR_DB
    return 10 * math.log10(signal / noise) if signal else -MAX_SQNR_DB


def compare_scores(
    scores: NDArray[np.float32], original: NDArray[np.float32], labels: NDArray[np.int64] | None
) -> Evidence:
    """Agreement and output noise against the original's scores (both N×classes), and with labels the accuracy with
    its interval and the paired difference from the original's."""
    classes, before = scores.argmax(axis=1), original.argmax(axis=1)
    # A variant with other outputs, such as one with more classes, has no output noise to speak of.
    noise_db = sqnr_db(original, scores) if scores.shape == original.shape else None
    agreement = float((classes == before).mean())
    samples = len(scores)
    if labels is None:
        return Evidence(samples=samples, agreement=agreement, sqnr_db=noise_db)
    right, was_right = classes == labels, before == labels
    hits = int(right.sum())
    low, high = wilson_interval(hits, samples)
    gained, lost = int((right & ~was_right).sum()), int((was_right & ~right).sum())
    both = hits - gained
    difference, difference_low, difference_high = paired_difference_interval(
        both, gained, lost, samples - both - gained - lost
    )
    return Evidence(
        accuracy=hits / samples,
        accuracy_low=low,
        accuracy_high=high,
        samples=samples,
        agreement=agreement,
        difference=difference,
        difference_low=difference_low,
        difference_high=difference_high,
        p_value=mcnemar_p(gained, lost),
        sqnr_db=noise_db,
    )
