"""From a histogram to the range that integers shall hold: everything seen, or less of it with finer steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.quantize.histogram import Histogram

Range = tuple[float, float]
PERCENTILE = 99.99
_CANDIDATES = 128
_THRESHOLDS = 64
_SMALLEST_SHARE = 0.05
"""Candidates for the end of a range reach down to this share of it."""
_ROUNDS = 3


def everything(histogram: Histogram, levels: int = 256) -> Range:
    """From the smallest to the largest value seen (MinMax)."""
    return min(0.0, histogram.low), max(0.0, histogram.high)


def percentile(histogram: Histogram, levels: int = 256, percent: float = PERCENTILE) -> Range:
    """The range that `percent` of the values are in, as much cut from either end that has values; to the next bin."""
    low, high = everything(histogram)
    ends = (low < 0) + (high > 0)
    if not ends:
        return low, high
    allowed = histogram.total * (1 - percent / 100) / ends
    from_left = np.cumsum(histogram.counts)
    from_right = np.cumsum(histogram.counts[::-1])
    cut_low = histogram.edges[np.searchsorted(from_left, allowed, side="right")]
    cut_high = histogram.edges[::-1][np.searchsorted(from_right, allowed, side="right")]
    return min(0.0, max(low, float(cut_low))), max(0.0, min(high, float(cut_high)))


def least_error(histogram: Histogram, levels: int = 256) -> Range:
    """The range with the least expected square of rounding and clipping errors (MSE).

    A value inside errs by step² ÷ 12 on average, one outside by its distance to the end; exact zeros never err
    (R. Banner et al., "Post training 4-bit quantization of convolutional networks", NeurIPS 2019, section 3).
    """
    low, high = everything(histogram)
    if low == high:
        return low, high
    error = _ExpectedError(histogram, levels)
    shares = np.geomspace(_SMALLEST_SHARE, 1.0, _CANDIDATES)
    best_low, best_high = low, high
    for _ in range(_ROUNDS):
        if high > 0:
            best_high = float((high * shares)[error.of(best_low, high * shares).argmin()])
        if low < 0:
            best_low = float((low * shares)[error.of(low * shares, best_high).argmin()])
        if low == 0 or high == 0:
            break
    return best_low, best_high


class _ExpectedError:
    """Sums over the bins from either end, so that a candidate costs two look-ups."""

    def __init__(self, histogram: Histogram, levels: int) -> None:
        counts, centers = histogram.counts.astype(np.float64), histogram.centers
        self._levels = levels
        self._inside = float(histogram.total - histogram.zeros)
        self._edges = histogram.edges
        moments = np.stack([counts, counts * centers, counts * centers**2])
        none = np.zeros((3, 1))
        self._below = np.concatenate([none, np.cumsum(moments, axis=1)], axis=1)
        self._above = self._below[:, -1:] - self._below

    def of(self, low: float | NDArray[np.float64], high: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """The error of each candidate range."""
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        step = (high - low) / (self._levels - 1)
        below = self._below[:, np.searchsorted(self._edges, low)]
        above = self._above[:, np.minimum(np.searchsorted(self._edges, high), len(self._edges) - 1)]
        error: NDArray[np.float64] = self._inside * step**2 / 12
        return error + _distance(below, low) + _distance(above, high)


def _distance(moments: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ (x − end)² of the values that the moments (Σ 1, Σ x, Σ x²) are of."""
    result: NDArray[np.float64] = moments[2] - 2 * end * moments[1] + end**2 * moments[0]
    return np.maximum(result, 0.0)


def entropy(histogram: Histogram, levels: int = 256) -> Range:
    """The range after which least information is lost (KL divergence).

    S. Migacz, "8-bit Inference with TensorRT", GTC 2017: for each threshold, the distribution of magnitudes with what
    is clipped added to its last bin, against the same distribution with its bins merged to as many as there are levels.
    A tensor with values of both signs has half the levels for magnitudes. Exact zeros are left out: no threshold
    harms them, and after Relu they would outweigh everything else.
    """
    low, high = everything(histogram)
    half = len(histogram.counts) // 2
    magnitudes = (histogram.counts[half:] + histogram.counts[:half][::-1]).astype(np.float64)
    magnitudes[0] -= histogram.zeros
    used = int(np.flatnonzero(magnitudes)[-1]) + 1 if magnitudes.any() else 0
    levels = levels if low == 0 or high == 0 else levels // 2
    if used <= levels:
        return low, high
    thresholds = np.unique(np.linspace(max(levels, int(used * _SMALLEST_SHARE)), used, _THRESHOLDS).astype(int))
    losses = [_divergence(magnitudes[:used], int(threshold), levels) for threshold in thresholds]
    reach = float(thresholds[int(np.argmin(losses))]) * histogram.width
    return max(low, -reach), min(high, reach)


def _divergence(counts: NDArray[np.float64], threshold: int, levels: int) -> float:
    """KL(P‖Q) of the first `threshold` bins, everything further out added to the last, and Q with `levels` steps."""
    inside = counts[:threshold]
    reference = inside.copy()
    reference[-1] += counts[threshold:].sum()
    group = np.arange(threshold) * levels // threshold
    filled = inside > 0
    sums = np.bincount(group, inside, minlength=levels)
    sizes = np.bincount(group, filled, minlength=levels)
    spread = np.where(filled, sums[group] / np.maximum(sizes[group], 1), 0.0)
    if not spread.any():
        return np.inf
    p, q = reference / reference.sum(), spread / spread.sum()
    # Where Q has nothing but P has the clipped values, the loss is bounded by a small count (TensorRT smooths too).
    return float((p * np.log(np.maximum(p, 1e-12) / np.maximum(q, 1e-9)))[p > 0].sum())


METHODS: dict[str, Callable[..., Range]] = {
    "minmax": everything,
    "percentile": percentile,
    "percentile-99.9": partial(percentile, percent=99.9),
    "entropy": entropy,
    "mse": least_error,
}
"""By the name in recipes."""
