"""Weights in fewer bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeyard.optimize.quantize.weight_only import quantize_blocks

ROWS = arrays(np.float32, (2, 32), elements=st.floats(-10, 10, width=32))


@given(ROWS, st.sampled_from([4, 8]))
def test_blocks_err_no_more_than_with_the_plain_scale(rows: np.ndarray, bits: int) -> None:
    steps, scales = quantize_blocks(rows, 16, bits)
    limit = 2 ** (bits - 1) - 1
    assert np.abs(steps.astype(int)).max() <= limit
    assert scales.shape == (2, 2)
    blocks = rows.reshape(2, 2, 16).astype(np.float64)
    plain = np.maximum(np.abs(blocks).max(axis=2, keepdims=True) / limit, 1e-10).astype(np.float32).astype(np.float64)
    plain_error = np.square(np.rint(blocks / plain) * plain - blocks).sum()
    error = np.square(steps.reshape(2, 2, 16) * scales[..., None].astype(np.float64) - blocks).sum()
    assert error <= plain_error * 1.0001 + 1e-9


def test_an_outlier_harms_its_own_block_only() -> None:
    rows = np.full((1, 64), 0.01, np.float32)
    rows[0, 0] = 100
    steps, scales = quantize_blocks(rows, 32, 8)
    assert scales[0, 1] < 1e-3
    assert (steps[0, 32:] * scales[0, 1]) == pytest.approx(0.01, rel=1e-2)
