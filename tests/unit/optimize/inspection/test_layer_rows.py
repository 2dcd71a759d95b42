"""Rows per layer: weights wherever they come from, memory, and where inputs come from."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.summary import LayerRow, ModelSummary
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, tensor, value


def rows_of(model: onnx.ModelProto, folder: Path) -> dict[str, LayerRow]:
    return {row.name: row for row in inspect_model(save(model, folder / "m.onnx")).layers}


def test_bytes_kernels_and_sources_of_a_plain_network(tmp_path: Path) -> None:
    summary = inspect_model(save(toy_model.classifier(), tmp_path / "m.onnx"))
    rows = {row.name: row for row in summary.layers}
    assert rows["conv-2"].weight_bytes == 4 * (8 * 8 * 9 + 8)
    assert rows["conv-2"].output_bytes == 8 * 64 * 4
    assert rows["conv-2"].moved_bytes == rows["conv-2"].weight_bytes + 2 * rows["conv-2"].output_bytes
    assert rows["conv-2"].kernel == (8, 8, 3, 3)
    assert rows["head"].kernel == (8, 4)
    assert [row.sources for row in summary.layers] == [(), (0,), (1,), (2,), (3,), (4,), (5,)]
    assert summary.weight_bytes == 4 * summary.parameters
    # The first convolution holds the image, conv-2 two maps; ReLU works in place.
    assert rows["conv-1"].live_bytes == 3 * 64 * 4 + 8 * 64 * 4
    assert rows["relu-1"].live_bytes == 8 * 64 * 4
    assert (summary.peak_activation_bytes, summary.peak_layer) == (2 * 8 * 64 * 4, "conv-2")
    assert summary.largest_tensor_bytes == 8 * 64 * 4


def made_of_nothing() -> onnx.ModelProto:
    """Weights that `ConstantOfShape` makes, as in ONNX's own light models."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["w"], "fill", value=tensor("", np.array([0.5], np.float32))),
        helper.make_node("Conv", ["x", "w"], ["y"], "conv"),
    ]
    shape = tensor("shape", np.array([6, 3, 1, 1], np.int64))
    return model_of(nodes, [value("x", ["N", 3, 4, 4])], [value("y", ["N", 6, 4, 4])], [shape])


def test_weights_that_are_computed_are_weights(tmp_path: Path) -> None:
    rows = rows_of(made_of_nothing(), tmp_path)
    assert rows["fill"].constant
    assert rows["fill"].live_bytes == rows["fill"].parameters == rows["fill"].output_bytes == 0
    assert (rows["conv"].parameters, rows["conv"].weight_bytes, rows["conv"].kernel) == (18, 72, (6, 3, 1, 1))
    assert rows["conv"].sources == ()
    assert rows["conv"].live_bytes == (3 + 6) * 16 * 4


def test_weights_in_8_bits_count_with_their_8_bits(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], "dequantize"),
        helper.make_node("MatMul", ["x", "w"], ["y"], "product"),
    ]
    weights = [tensor("q", np.ones((4, 5), np.int8)), tensor("scale", np.array(0.1, np.float32))]
    weights.append(tensor("zero", np.array(0, np.int8)))
    rows = rows_of(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 5])], weights), tmp_path)
    assert (rows["product"].parameters, rows["product"].weight_bytes) == (20, 20)
    assert rows["product"].kernel == (4, 5)


def test_four_bit_weights_take_half_a_byte(tmp_path: Path) -> None:
    q = helper.make_tensor("q", TensorProto.INT4, [4, 6], np.ones(12, np.uint8).tobytes(), raw=True)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"], "dequantize"),
        helper.make_node("MatMul", ["x", "w"], ["y"], "product"),
    ]
    model = model_of(
        nodes, [value("x", ["N", 4])], [value("y", ["N", 6])], [q, tensor("scale", np.array(0.1, np.float32))], opset=21
    )
    assert rows_of(model, tmp_path)["product"].weight_bytes == 12


def test_a_shared_weight_is_counted_once_and_numbers_in_formulas_are_none(tmp_path: Path) -> None:
    two = helper.make_node("Constant", [], ["two"], "two", value=tensor("", np.array(2.0, np.float32)))
    nodes = [
        two,
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("MatMul", ["a", "w"], ["b"], "second"),
        helper.make_node("Mul", ["b", "two"], ["y"], "scale"),
    ]
    weights = [tensor("w", np.ones((4, 4), np.float32))]
    rows = rows_of(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], weights), tmp_path)
    assert [rows[name].parameters for name in ("first", "second", "scale")] == [16, 0, 0]


def test_what_a_branch_reads_from_outside_lives_until_it_ran(tmp_path: Path) -> None:
    def branch(operator: str) -> onnx.GraphProto:
        return helper.make_graph([helper.make_node(operator, ["a"], ["r"])], operator, [], [value("r", [1, 4])])

    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "make"),
        helper.make_node("Abs", ["a"], ["b"], "other"),
        helper.make_node("ReduceMax", ["b"], ["most"], "most", keepdims=0),
        helper.make_node("Cast", ["most"], ["flag"], "flag", to=TensorProto.BOOL),
        helper.make_node("If", ["flag"], ["y"], "if", then_branch=branch("Neg"), else_branch=branch("Exp")),
    ]
    summary = inspect_model(save(model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])]), tmp_path / "m.onnx"))
    rows = {row.name: row for row in summary.layers}
    assert rows["if"].sources == (0, 3)
    assert rows["most"].live_bytes >= 16 + 16


def test_a_summary_from_before_still_reads() -> None:
    import msgspec

    old = {
        "sha256": "a", "size_bytes": 1, "ir_version": 8, "opset": 17, "producer": "", "inputs": [], "outputs": [],
        "parameters": 2, "multiply_adds": 3, "operators": {"Relu": 1}, "dynamic_axes": [], "largest_tensor_bytes": 4,
        "layers": [
            {"name": "r", "operator": "Relu", "parameters": 0, "multiply_adds": 0, "output_shape": [1, None]},
        ],
        "already_quantized": False, "preprocessing": {"layout": "NCHW", "scale": 255.0}, "risks": ["a risk"],
    }  # fmt: skip
    read = msgspec.json.decode(msgspec.json.encode(old), type=ModelSummary)
    assert read.risks == ("a risk",)
    assert read.layers[0].live_bytes == read.peak_activation_bytes == 0
    assert read.findings == ()


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_memory_does_not_depend_on_names_or_opset(tmp_path: Path, opset: int) -> None:
    model = toy_model.classifier(opset=opset)
    for node in model.graph.node:
        node.name = ""
    assert inspect_model(save(model, tmp_path / "m.onnx")).peak_activation_bytes == 2 * 8 * 64 * 4
