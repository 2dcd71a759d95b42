"""A histogram of values that come in batches and whose range is not known before."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE_BINS = 2048
"""Bins on each side of zero."""
_CHUNK = 1 << 16
"""Values at a time: the indices of a chunk stay in the processor's cache."""
_LANES = 4
"""Copies of the bins that take turns: the many equal values after Relu would wait for each other's increments."""
_SMALLEST_EXPONENT = -100
_LARGEST_EXPONENT = 100


class Histogram:
    """Counts of values in bins of equal width, symmetric about 0, in memory that never grows.

    The width is a power of two. When a value falls outside, the width doubles and neighbours are merged in pairs, again
    until it fits: edges of wide bins are edges of narrow ones, so the counts are exactly those of a histogram that
    had the final width from the start, whatever the order of the batches. Between half of and all the bins of the
    longer side are in use. Smallest, largest and number of values are exact.
    """

    def __init__(self, side_bins: int = SIDE_BINS) -> None:
        """`side_bins` on each side of zero; a power of two."""
        self._side = side_bins
        self._exponent: int | None = None
        self.counts: NDArray[np.int64] = np.zeros(2 * side_bins, np.int64)
        self._zero = _zero_bins(side_bins)
        self.low = math.inf
        self.high = -math.inf
        self.total = 0
        self.zeros = 0
        """Values that are exactly 0, as after Relu: no quantization harms them."""

    @property
    def width(self) -> float:
        """Of a bin."""
        return 2.0 ** (self._exponent if self._exponent is not None else 0)

    @property
    def edges(self) -> NDArray[np.float64]:
        """Of the bins: one more than there are bins."""
        return np.arange(-self._side, self._side + 1, dtype=np.float64) * self.width

    @property
    def centers(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        return (np.arange(-self._side, self._side, dtype=np.float64) + 0.5) * self.width

    def add(self, values: NDArray[np.float32]) -> None:
        """Count `values`, of any shape.

        Raises:
            ValueError: a value is NaN, infinite, or beyond 10³⁰.
        """
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        if not flat.size:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            message = "values are no numbers"
            raise ValueError(message)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.total += flat.size
        self._make_room(max(-low, high))
        factor = np.float32(1 / self.width)
        for start in range(0, flat.size, _CHUNK):
            chunk = flat[start : start + _CHUNK]
            self.zeros += int(np.count_nonzero(chunk == 0))
            # The product is exact, since the width is a power of two.
            index = np.floor(chunk * factor).astype(np.intp)
            index += self._zero[: chunk.size]
            counts = np.bincount(index, minlength=_LANES * len(self.counts))
            self.counts += counts.reshape(_LANES, -1).sum(axis=0)

    def _make_room(self, reach: float) -> None:
        """Widen the bins until a value as far from zero as `reach` fits, on either side."""
        needed = _SMALLEST_EXPONENT
        if reach > 0:
            # reach < 2^e, so ± reach is inside when side · width = 2^e.
            needed = max(math.frexp(reach)[1] - (self._side.bit_length() - 1), _SMALLEST_EXPONENT)
        if needed > _LARGEST_EXPONENT:
            message = f"a value of {reach:.3g} is too large"
            raise ValueError(message)
        if self._exponent is None:
            self._exponent = needed
        while self._exponent < needed:
            if not self.counts.any():
                self._exponent = needed
                return
            quarter = self._side // 2
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros_like(self.counts)
            self.counts[self._side - quarter : self._side + quarter] = merged
            self._exponent += 1


@cache
def _zero_bins(side_bins: int) -> NDArray[np.intp]:
    """Where 0 is counted, in the copy of the bins whose turn it is."""
    return (side_bins + 2 * side_bins * (np.arange(_CHUNK) % _LANES)).astype(np.intp)
