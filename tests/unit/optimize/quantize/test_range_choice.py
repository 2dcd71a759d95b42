"""Which range integers shall hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.optimize.quantize.affine import affine_of
from edgeyard.optimize.quantize.histogram import Histogram
from edgeyard.optimize.quantize.range_choice import METHODS, everything, least_error, percentile

RNG = np.random.default_rng(5)
OUTLIERS = np.concatenate([RNG.normal(0, 1, 200_000), [40.0, -25.0]]).astype(np.float32)


def histogram_of(values: np.ndarray) -> Histogram:
    histogram = Histogram()
    histogram.add(values.astype(np.float32))
    return histogram


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    affine = affine_of(low, high, "uint8")
    return float(np.square(affine.dequantize(affine.quantize(values)) - values).mean())


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=200), st.sampled_from(sorted(METHODS)))
def test_every_range_holds_zero_and_lies_in_what_was_seen(values: list[float], method: str) -> None:
    array = np.array(values, np.float32)
    low, high = METHODS[method](histogram_of(array))
    assert min(0.0, float(array.min())) <= low <= 0 <= high <= max(0.0, float(array.max()))


def test_minmax_is_everything() -> None:
    assert everything(histogram_of(OUTLIERS)) == (-25.0, 40.0)


def test_percentile_leaves_out_the_share_it_is_told_within_a_bin() -> None:
    histogram = histogram_of(OUTLIERS)
    low, high = percentile(histogram, percent=99.0)
    assert low == pytest.approx(np.percentile(OUTLIERS, 0.5), abs=histogram.width)
    assert high == pytest.approx(np.percentile(OUTLIERS, 99.5), abs=histogram.width)


def test_the_least_error_is_really_smaller_than_that_of_other_ranges() -> None:
    low, high = least_error(histogram_of(OUTLIERS))
    best = squared_error(OUTLIERS, low, high)
    assert best < squared_error(OUTLIERS, -25.0, 40.0) * 0.7
    for share in (0.7, 0.85, 1.2, 1.5):
        assert best <= squared_error(OUTLIERS, low * share, high * share) * 1.02


@pytest.mark.parametrize("method", ["percentile", "entropy", "mse"])
def test_rare_values_far_out_are_clipped(method: str) -> None:
    low, high = METHODS[method](histogram_of(OUTLIERS))
    assert high < 32
    assert low > -20


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_uniform_distribution_is_kept_whole(method: str) -> None:
    low, high = METHODS[method](histogram_of(np.linspace(0, 5, 100_000)))
    assert low == 0
    assert high == pytest.approx(5, rel=0.03)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_tensor_of_zeros_has_an_empty_range(method: str) -> None:
    assert METHODS[method](histogram_of(np.zeros(100))) == (0.0, 0.0)
