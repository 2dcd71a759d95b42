"""Smaller weights as a step."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.weight_only import WeightOnly
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import Stock, noise, run, sqnr_db
from tests.unit.optimize.toy_model import model_of, value


def network(opset: int = 21) -> onnx.ModelProto:
    """A convolution, a MatMul with its bias, a Gemm either way round; widths that divide by 16 and some that do not."""
    stock, node = Stock(), helper.make_node
    nodes = [
        node("Conv", ["x", stock.weights("w1", 32, 8, 3, 3), stock.weights("b1", 32)], ["c"], "conv", pads=[1] * 4),
        node("Relu", ["c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("MatMul", ["f", stock.weights("w2", 32, 40)], ["m"], "matmul"),
        node("Add", ["m", stock.weights("b2", 40)], ["a"]),
        node("Gemm", ["a", stock.weights("w3", 48, 40), stock.weights("b3", 48)], ["g"], "gemm-t", transB=1),
        node("Gemm", ["g", stock.weights("w4", 48, 24), stock.weights("b4", 24)], ["y"], "gemm"),
    ]
    inputs, outputs = [value("x", ["N", 8, 6, 6])], [value("y", ["N", 24])]
    model = model_of(nodes, inputs, outputs, stock.tensors, opset)
    model.ir_version = 10
    return model


@pytest.mark.parametrize(("type_name", "least_db"), [("fp16", 60), ("bf16", 40), ("int8", 38), ("int4", 14)])
@pytest.mark.parametrize("products", ["unpacked", "blocks"])
def test_weights_are_smaller_and_answers_nearly_the_same(
    tmp_path: Path, type_name: str, least_db: float, products: str
) -> None:
    model = network()
    given = given_for(model, None, tmp_path)
    settings = {"type": type_name, "products": products, "min_weights": 100, "block": 16}
    if products == "blocks" and type_name in {"fp16", "bf16"}:
        chosen = WeightOnly.settings_type(**settings)
        assert "for int8 and int4" in WeightOnly().obstacle(chosen, given)
        return
    small, done = run_pass(WeightOnly(), given, tmp_path / "v.onnx", **settings)
    x = noise(5, 8, 6, 6)
    assert sqnr_db(run(model, x), run(small, x)) > least_db
    assert [row["name"] for row in done.figures["layers"]] == ["conv", "matmul", "gemm-t", "gemm"]
    assert done.figures["bytes_after"] < done.figures["bytes_before"] * (0.9 if type_name.endswith("16") else 0.6)
    fused = sum(node.op_type == "MatMulNBits" for node in small.graph.node)
    assert fused == (3 if products == "blocks" else 0)
    if type_name == "int4" and products == "unpacked":
        assert TensorProto.INT4 in {tensor.data_type for tensor in small.graph.initializer}


def test_small_layers_keep_their_weights(tmp_path: Path) -> None:
    given = given_for(network(), None, tmp_path)
    _, done = run_pass(WeightOnly(), given, tmp_path / "v.onnx", min_weights=2000)
    assert [row["name"] for row in done.figures["layers"]] == ["conv"]
    with pytest.raises(UserError, match="No layer has 5000 weights"):
        WeightOnly().run(WeightOnly.settings_type(min_weights=5000), given, tmp_path / "v.onnx")


def test_four_bits_need_an_operator_set_that_has_them(tmp_path: Path) -> None:
    given = given_for(networks.residual(), None, tmp_path)
    assert "opset 21" in WeightOnly().obstacle(WeightOnly.settings_type(type="int4"), given)
    assert WeightOnly().obstacle(WeightOnly.settings_type(), given) == ""


def test_values_beyond_half_floats_become_the_largest(tmp_path: Path) -> None:
    model = network()
    weights = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(weights).copy()
    values[0, 0, 0, 0] = 1e6
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    given = given_for(model, None, tmp_path)
    small, _ = run_pass(WeightOnly(), given, tmp_path / "v.onnx", type="fp16")
    assert np.isfinite(run(small, noise(2, 8, 6, 6))).all()
