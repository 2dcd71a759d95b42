"""The editable form of a model: what it finds, what edits do, and that nothing is lost on the way."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute, names_from_outside, set_attribute
from tests.unit.optimize import net, toy_model
from tests.unit.optimize.toy_model import model_of, value

DEMO = Path(__file__).resolve().parents[4] / "resources" / "demo"


@pytest.mark.parametrize("model", [toy_model.classifier(), net.residual(), net.separable()])
def test_a_model_that_is_not_edited_computes_the_same(model: onnx.ModelProto) -> None:
    again = OnnxGraph(model).to_model()
    onnx.checker.check_model(again, full_check=True)
    shape = [dimension.dim_value or 2 for dimension in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.array_equal(net.run(model, x), net.run(again, x))


def test_constants_in_nodes_are_constants() -> None:
    stored = [
        helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(np.ones(4, np.float32))),
        helper.make_node("Constant", [], ["b"], value_float=2.0),
        helper.make_node("Constant", [], ["c"], value_ints=[1, 4]),
    ]
    nodes = [
        *stored,
        helper.make_node("Mul", ["x", "a"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["s"]),
        helper.make_node("Reshape", ["s", "c"], ["y"]),
    ]
    graph = OnnxGraph(model_of(nodes, [value("x", [1, 4])], [value("y", [1, 4])]))
    assert [node.op_type for node in graph.nodes] == ["Mul", "Add", "Reshape"]
    assert graph.constant("b") == np.float32(2.0)
    assert list(graph.constant("c")) == [1, 4]  # type: ignore[arg-type]
    assert graph.constant("x") is None
    onnx.checker.check_model(graph.to_model(), full_check=True)


def test_weights_that_old_files_list_as_inputs_are_no_inputs() -> None:
    model = toy_model.classifier()
    model.graph.input.append(value("w1", [8, 3, 3, 3]))
    model.ir_version = 3
    graph = OnnxGraph(model)
    assert graph.inputs == ("image",)
    onnx.checker.check_model(graph.to_model(), full_check=True)


def test_makers_and_readers_are_found() -> None:
    graph = OnnxGraph(net.residual())
    add = next(node for node in graph.nodes if node.op_type == "Add")
    skip = add.input[1]
    assert [reader.node.op_type for reader in graph.readers(skip)] == ["Conv", "Add"]
    assert graph.only_reader(skip) is None
    maker = graph.maker(add.input[0])
    assert maker is not None
    assert maker.op_type == "Conv"
    assert graph.maker("image") is None
    only = graph.only_reader(add.output[0])
    assert only is not None
    assert only.node.op_type == "Relu"
    assert graph.only_reader(graph.outputs[0]) is None


def test_a_shared_constant_is_changed_for_one_reader_only() -> None:
    nodes = [helper.make_node("Add", ["x", "k"], ["a"]), helper.make_node("Mul", ["a", "k"], ["y"])]
    stored = [numpy_helper.from_array(np.full(4, 2.0, np.float32), "k")]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], stored))
    graph.store_for(graph.nodes[0], 1, np.full(4, 5.0, np.float32))
    assert np.array_equal(net.run(graph.to_model(), np.ones((1, 4), np.float32)), np.full((1, 4), 12.0))


def test_what_no_output_needs_is_left_out() -> None:
    graph = OnnxGraph(toy_model.classifier())
    graph.nodes = [node for node in graph.nodes if node.output[0] != "logits"]
    graph.nodes.append(helper.make_node("Gemm", ["image_flat", "w9"], ["logits"]))
    graph.nodes.append(helper.make_node("Flatten", ["image"], ["image_flat"]))
    graph.store("w9", np.ones((192, 4), np.float32))
    graph.index()
    model = graph.to_model()
    assert {tensor.name for tensor in model.graph.initializer} == {"w9"}
    assert {node.op_type for node in model.graph.node} == {"Gemm", "Flatten"}


def test_what_a_subgraph_reads_from_outside_is_seen_and_kept() -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["a", "k"], ["t0"]), helper.make_node("Mul", ["t0", "own"], ["t"])],
        "then",
        [],
        [value("t", ["N", 4])],
        [numpy_helper.from_array(np.ones(4, np.float32), "own")],
    )
    other = helper.make_graph([helper.make_node("Identity", ["a"], ["e"])], "else", [], [value("e", ["N", 4])])
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=other),
    ]
    stored = [numpy_helper.from_array(np.array(True), "flag"), numpy_helper.from_array(np.ones(4, np.float32), "k")]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], stored))
    assert names_from_outside(graph.nodes[1]) == {"a", "k"}
    assert graph.captured == {"a", "k"}
    assert graph.only_reader("a") is None
    assert {tensor.name for tensor in graph.to_model().graph.initializer} == {"flag", "k"}


def test_a_part_computes_what_the_whole_computes() -> None:
    model = net.residual()
    graph = OnnxGraph(model)
    first, second = [node.output[0] for node in graph.nodes if node.op_type == "Add"]
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    whole = OnnxGraph(model).part([("image", TensorProto.FLOAT, ("N", 3, 8, 8))], [first])
    middle = net.run(whole, x)
    part = graph.part([(first, TensorProto.FLOAT, ("N", *middle.shape[1:]))], [second])
    assert len(part.graph.node) < len(graph.nodes)
    both = OnnxGraph(model).part([("image", TensorProto.FLOAT, ("N", 3, 8, 8))], [second])
    assert np.allclose(net.run(part, middle), net.run(both, x), atol=1e-5)


def test_attributes_are_read_and_replaced() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2, auto_pad="VALID")
    assert attribute(node, "group", 1) == 2
    assert attribute(node, "auto_pad", "NOTSET") == "VALID"
    assert attribute(node, "strides", [1, 1]) == [1, 1]
    set_attribute(node, "group", 3)
    assert [each.i for each in node.attribute if each.name == "group"] == [3]


def test_shapes_are_of_one_sample() -> None:
    shapes = OnnxGraph(net.residual(wide=8, inner=12)).shapes()
    assert shapes["image"] == (1, 3, 8, 8)
    assert (1, 12, 8, 8) in shapes.values()


def test_the_demo_model_passes_through(tmp_path: Path) -> None:
    graph = OnnxGraph.read(DEMO / "yard-vision-2.onnx")
    onnx.checker.check_model(graph.copy().to_model(), full_check=True)
    assert graph.opset == 17
