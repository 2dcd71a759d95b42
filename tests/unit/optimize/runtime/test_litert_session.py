"""The arithmetic of quantized inputs and outputs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeyard.optimize.runtime.litert_session import Quantized

SAMPLES = hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e4, 1e4, width=32))


@given(SAMPLES, st.floats(1e-3, 10.0), st.integers(-128, 127))
def test_rounding_loses_at_most_half_a_step_inside_the_range(x: np.ndarray, scale: float, zero_point: int) -> None:
    quantized = Quantized(np.dtype(np.int8), scale, zero_point)
    inside = np.clip(x, (-128 - zero_point) * scale, (127 - zero_point) * scale)
    again = quantized.dequantize(quantized.quantize(x))
    assert again.dtype == np.float32
    assert np.abs(again - inside).max() <= scale * 0.5 + 1e-3


@given(SAMPLES)
def test_real_numbers_pass_as_they_are(x: np.ndarray) -> None:
    plain = Quantized(np.dtype(np.float32), 0.0, 0)
    assert np.array_equal(plain.dequantize(plain.quantize(x)), x)


def test_unsigned_tensors_keep_to_their_range() -> None:
    quantized = Quantized(np.dtype(np.uint8), 0.5, 10)
    assert quantized.quantize(np.array([-100, 0, 100, 1000], np.float32)).tolist() == [0, 10, 210, 255]
