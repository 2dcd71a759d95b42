"""A linear classifier on features in the middle of a model, trained in closed form, and when it may be believed.

BranchyNet (S. Teerapittayanon et al., ICPR 2016) trains exits together with the model; here the model is frozen, so an
exit is a logistic regression on pooled features, and the only other thing to be found is a threshold of confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.prune.exit_point import ExitPoint
from edgeyard.optimize.prune.logistic import Doubles, fit_logistic, log_loss, softmax

RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
HOLD_OUT = 0.4
MAX_FEATURES = 512


@dataclass(frozen=True, slots=True)
class ExitHead:
    """Scores are pooled features × `weights` + `bias`; pooled over windows `pool` of the two last axes, if any."""

    point: ExitPoint
    pool: tuple[int, int] | None
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExitChoice:
    """A head with the confidence from which it answers, and what that does on samples that it was not fitted to.

    `right` and `right_before` are parts of the held-out samples: by labels, or in agreement with the model.
    """

    head: ExitHead
    threshold: float
    exit_rate: float
    right: float
    right_before: float

    @property
    def saving(self) -> float:
        """The part of the multiply-adds that is skipped on average."""
        return self.exit_rate * (1 - self.head.point.cost_share)


def pool_of(shape: tuple[int, ...], grid: int) -> tuple[int, int] | None:
    """The window that pools features C×H×W to at most C×grid×grid, coarser where that would be too many for a fit.

    `None` for features without two axes of space.
    """
    if len(shape) != 3:
        return None
    for cells in range(grid, 0, -1):
        down, right = (max(n for n in range(1, min(cells, size) + 1) if size % n == 0) for size in shape[1:])
        if shape[0] * down * right <= MAX_FEATURES or cells == 1:
            return shape[1] // down, shape[2] // right
    return None


def pooled(values: NDArray[np.float32], pool: tuple[int, int] | None) -> NDArray[np.float32]:
    """Features N×D, as the exported head pools them."""
    if pool is None:
        return values.reshape(len(values), -1)
    samples, channels, height, width = values.shape
    windows = values.reshape(samples, channels, height // pool[0], pool[0], width // pool[1], pool[1])
    flat: NDArray[np.float32] = windows.mean(axis=(3, 5), dtype=np.float32).reshape(samples, -1)
    return flat


def fit_head(
    point: ExitPoint, pool: tuple[int, int] | None, features: NDArray[np.float32], targets: Doubles
) -> ExitHead:
    """Fit on standardized features; how strongly the weights are held small is chosen on a fifth of the samples."""
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale = 1 / np.maximum(deviation, 1e-6 * max(1e-12, float(deviation.max())))
    x = (features - mean) * scale
    inner = len(x) - max(1, len(x) // 5)
    losses = []
    for ridge in RIDGES:
        tried = fit_logistic(x[:inner], targets[:inner], ridge, steps=60)
        losses.append(log_loss(x[inner:] @ tried[:-1] + tried[-1], targets[inner:]))
    fitted = fit_logistic(x, targets, RIDGES[int(np.argmin(losses))])
    weights = fitted[:-1] * scale[:, None]
    return ExitHead(point, pool, weights.astype(np.float32), (fitted[-1] - mean @ weights).astype(np.float32))


def choose_threshold(
    head: ExitHead,
    features: NDArray[np.float32],
    full: NDArray[np.int64],
    truth: NDArray[np.int64],
    max_drop: float,
) -> ExitChoice:
    """The lowest confidence at which answering early loses at most `max_drop` of the samples, and not by luck.

    What counts as lost is the difference of right answers plus its standard error, the root of how many answers changed
    (Q. McNemar, 1947), so that few samples mean a high threshold or none.

    Args:
        features: pooled, of samples that the head was not fitted to.
        full: the class that the whole model gives.
        truth: labels, or `full` where there are none.
    """
    scores = softmax(features @ head.weights + head.bias)
    confidence, early = scores.max(axis=1), scores.argmax(axis=1)
    order = np.argsort(-confidence, kind="stable")
    before = float((full == truth).mean())
    change = (full == truth)[order].astype(np.int64) - (early == truth)[order]
    lost = np.cumsum(change) + np.sqrt(np.cumsum(np.abs(change)) + 1)
    allowed = np.flatnonzero(lost <= max_drop * len(truth))
    count = int(allowed[-1]) + 1 if len(allowed) else 0
    if not count:
        return ExitChoice(head, 2.0, 0.0, before, before)
    # Between the last that may go and the next, so that a difference in the last bit of a device changes nothing.
    after = confidence[order[count]] if count < len(order) else 0.0
    threshold = float((confidence[order[count - 1]] + after) / 2)
    leaves = confidence >= threshold
    right = float(np.where(leaves, early == truth, full == truth).mean())
    return ExitChoice(head, threshold, float(leaves.mean()), right, before)
