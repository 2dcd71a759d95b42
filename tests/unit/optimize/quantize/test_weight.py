"""Weights as integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeyard.optimize.quantize.weight import LIMITS, quantize_bias, quantize_weight, scale_for_bias

WEIGHTS = arrays(np.float32, (3, 5), elements=st.floats(-100, 100, width=32))


@given(WEIGHTS, st.sampled_from(sorted(LIMITS)), st.sampled_from([0, 1, -1]))
def test_each_channel_errs_by_half_of_its_own_step(weight: np.ndarray, bits: int, axis: int) -> None:
    integer = quantize_weight(weight, axis, bits)
    assert np.abs(integer.values.astype(int)).max() <= LIMITS[bits]
    assert integer.scales.shape == (weight.shape[axis],)
    error = np.abs(integer.real() - weight)
    along = integer.scales.reshape((-1, 1) if axis == 0 else (1, -1))
    assert (error <= along * 0.501 + 1e-9).all()


@given(WEIGHTS)
def test_the_scale_of_least_error_is_no_worse(weight: np.ndarray) -> None:
    plain, better = quantize_weight(weight, 0), quantize_weight(weight, 0, least_error=True)
    assert np.square(better.real() - weight).sum() <= np.square(plain.real() - weight).sum() * 1.0001 + 1e-9


def test_one_scale_for_all_is_the_largest() -> None:
    integer = quantize_weight(np.array([[1.0, -2.0], [0.5, 127.0]], np.float32), 0, per_channel=False)
    assert integer.scales.tolist() == [1.0]
    assert integer.values.tolist() == [[1, -2], [0, 127]]


def test_a_channel_of_zeros_stays_zero() -> None:
    integer = quantize_weight(np.zeros((2, 3), np.float32), 0)
    assert not integer.real().any()
    assert (integer.scales > 0).all()


def test_a_large_bias_of_tiny_weights_is_kept_by_a_larger_scale() -> None:
    bias = np.array([100.0, 0.0], np.float32)
    integer = quantize_weight(np.full((2, 3), 1e-9, np.float32), 0, smallest_scale=scale_for_bias(bias, 0.01))
    product = 0.01 * integer.scales.astype(np.float64)
    assert quantize_bias(bias, product) * product == pytest.approx(bias, rel=1e-6)
