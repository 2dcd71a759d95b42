"""Real numbers as integers."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from edgeyard.optimize.quantize.affine import TYPES, affine_of
from tests.unit.optimize.toy_model import model_of, tensor, value

ENDS = st.floats(-1e4, 1e4, allow_nan=False)


@given(ENDS, ENDS, st.sampled_from(sorted(TYPES)))
def test_what_is_in_range_errs_by_half_a_step_and_zero_not_at_all(one: float, other: float, type_name: str) -> None:
    low, high = sorted((one, other))
    affine = affine_of(low, high, type_name)
    real = np.linspace(low, high, 101).astype(np.float32)
    back = affine.dequantize(affine.quantize(real))
    # Rounding of the zero point may cost the ends up to half a step more.
    assert np.abs(back - real).max() <= affine.scale * 1.01 + 1e-6 * max(abs(low), abs(high))
    assert affine.dequantize(affine.quantize(np.zeros(1, np.float32)))[0] == 0


@pytest.mark.parametrize(("type_name", "zero_point"), [("uint8", 0), ("int8", -128), ("uint16", 0)])
def test_a_range_above_zero_has_its_zero_at_the_end_of_the_type(type_name: str, zero_point: int) -> None:
    affine = affine_of(0.0, 6.0, type_name)
    assert affine.zero_point == zero_point
    assert affine.low == 0
    assert affine.high == pytest.approx(6.0)


def test_integers_are_those_of_onnx() -> None:
    affine = affine_of(-1.7, 2.9, "uint8")
    scale, zero = tensor("s", np.array(affine.scale, np.float32)), tensor("z", np.array(affine.zero_point, np.uint8))
    node = onnx.helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    model = model_of([node], [value("x", ["N"])], [value("y", ["N"], onnx.TensorProto.UINT8)], [scale, zero])
    x = np.linspace(-3, 4, 999).astype(np.float32)
    assert (ReferenceEvaluator(model).run(None, {"x": x})[0] == affine.quantize(x)).all()


def test_a_tensor_that_is_always_zero_has_a_scale() -> None:
    assert affine_of(0.0, 0.0, "int8").scale > 0
