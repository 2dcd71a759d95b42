"""Counting values whose range is not known before, in memory that does not grow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeyard.optimize.quantize.histogram import Histogram

FLOATS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
BATCHES = st.lists(arrays(np.float32, st.integers(0, 40), elements=FLOATS), min_size=1, max_size=8)


def counted(batches: list[np.ndarray], side_bins: int = 16) -> Histogram:
    histogram = Histogram(side_bins)
    for batch in batches:
        histogram.add(batch)
    return histogram


@given(BATCHES)
def test_it_equals_the_histogram_that_had_the_final_bins_from_the_start(batches: list[np.ndarray]) -> None:
    histogram = counted(batches)
    values = np.concatenate(batches).astype(np.float64)
    at_once, _ = np.histogram(values, histogram.edges)
    assert (histogram.counts == at_once).all()
    assert histogram.total == histogram.counts.sum() == len(values)
    assert histogram.zeros == (values == 0).sum()
    if len(values):
        assert (histogram.low, histogram.high) == (values.min(), values.max())


@given(BATCHES, st.randoms(use_true_random=False))
def test_the_order_of_the_batches_changes_nothing(batches: list[np.ndarray], random: object) -> None:
    first = counted(batches)
    random.shuffle(batches)  # type: ignore[attr-defined]
    second = counted(batches)
    assert (first.counts == second.counts).all()
    assert first.width == second.width or not first.total


@given(BATCHES)
def test_at_least_half_of_the_longer_side_is_used(batches: list[np.ndarray]) -> None:
    histogram = counted(batches)
    reach = max(abs(histogram.low), abs(histogram.high)) if histogram.total else 0
    if reach > 1e-20:
        assert histogram.width * 8 <= reach < histogram.width * 16


@settings(max_examples=20)
@given(st.integers(1, 12))
def test_memory_stays_the_same_however_far_the_range_grows(doublings: int) -> None:
    histogram = Histogram(64)
    for power in range(doublings):
        histogram.add(np.full(10, 3.0 * 2**power, np.float32))
    assert histogram.counts.nbytes == 128 * 8
    assert histogram.counts.sum() == 10 * doublings


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"no numbers|too large"):
        Histogram().add(np.array([1.0, bad], np.float32))
