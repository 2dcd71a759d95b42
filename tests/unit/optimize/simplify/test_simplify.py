"""Graphs with less in them that compute the same."""

import numpy as np
import pytest
from onnx import helper

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.simplify.first_convolution import first_convolution_without_transpose
from edgeyard.optimize.simplify.gemm import products_as_gemm
from edgeyard.optimize.simplify.shortcut import shortcuts_as_convolutions
from tests.unit.optimize.quantize.networks import Stock, noise, run
from tests.unit.optimize.toy_model import model_of, value


def shortcut_model(pads: tuple[int, ...] = (0, 2, 0, 0, 0, 2, 0, 0), slices: int = 2, start: int = 0) -> OnnxGraph:
    stock = Stock()

    def ints(name: str, *values: int) -> str:
        return stock.constant(name, np.array(values, np.int64))

    constants = [ints("start", start), ints("end", 2**63 - 1), ints("axis2", 2), ints("step", 2), ints("axis3", 3)]
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Slice", ["r", constants[0], constants[1], constants[2], constants[3]], ["s1"]),
        helper.make_node("Slice", ["s1", constants[0], constants[1], constants[4], constants[3]], ["s2"]),
        helper.make_node("Pad", ["s2" if slices == 2 else "s1", ints("pads", *pads)], ["p"]),
        helper.make_node("Neg", ["p"], ["y"]),
    ]
    return OnnxGraph(
        model_of(nodes, [value("x", ["N", 4, 6, 6])], [value("y", ["N", None, None, None])], stock.tensors)
    )


@pytest.mark.parametrize("slices", [1, 2])
def test_a_shortcut_of_slices_and_zeros_becomes_one_convolution_bit_for_bit(slices: int) -> None:
    graph, x = shortcut_model(slices=slices), noise(3, 4, 6, 6)
    before = run(graph.to_model(), x)
    assert shortcuts_as_convolutions(graph) == 1
    assert [node.op_type for node in graph.to_model().graph.node] == ["Relu", "Conv", "Neg"]
    assert (run(graph.to_model(), x) == before).all()
    assert shortcuts_as_convolutions(graph) == 0


@pytest.mark.parametrize("graph", [shortcut_model((0, 0, 1, 0, 0, 0, 1, 0)), shortcut_model(start=1)])
def test_other_slices_and_pads_are_left_alone(graph: OnnxGraph) -> None:
    assert shortcuts_as_convolutions(graph) == 0


def test_a_product_with_a_bias_becomes_a_gemm() -> None:
    stock = Stock()
    nodes = [
        helper.make_node("MatMul", ["x", stock.weights("w", 6, 3)], ["m"], "head"),
        helper.make_node("Add", [stock.weights("b", 3), "m"], ["y"]),
    ]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 6])], [value("y", ["N", 3])], stock.tensors))
    before = run(graph.to_model(), noise(5, 6))
    assert products_as_gemm(graph) == 1
    assert [node.op_type for node in graph.to_model().graph.node] == ["Gemm"]
    assert np.allclose(run(graph.to_model(), noise(5, 6)), before, atol=1e-6)


def test_a_product_of_more_axes_stays() -> None:
    stock = Stock()
    nodes = [
        helper.make_node("MatMul", ["x", stock.weights("w", 6, 3)], ["m"]),
        helper.make_node("Add", ["m", stock.weights("b", 3)], ["y"]),
    ]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 2, 6])], [value("y", ["N", 2, 3])], stock.tensors))
    assert products_as_gemm(graph) == 0


@pytest.mark.parametrize(("strides", "pads"), [([1, 1], [1, 1, 1, 1]), ([2, 2], [0, 0, 1, 1]), ([1, 2], [0, 2, 1, 0])])
def test_the_first_convolution_reads_an_image_with_its_channels_last(strides: list[int], pads: list[int]) -> None:
    stock = Stock()
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", stock.weights("w", 5, 3, 3, 3), "b"], ["y"], strides=strides, pads=pads),
    ]
    stock.weights("b", 5)
    shape = ["N", None, None, None]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 8, 10, 3])], [value("y", shape)], stock.tensors))
    before = run(graph.to_model(), noise(2, 8, 10, 3))
    assert first_convolution_without_transpose(graph)
    assert [node.op_type for node in graph.to_model().graph.node] == ["Reshape", "Conv"]
    assert np.allclose(run(graph.to_model(), noise(2, 8, 10, 3)), before, atol=1e-5)
    assert not first_convolution_without_transpose(graph)


def test_a_transposed_image_that_others_read_too_stays() -> None:
    stock = Stock()
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", stock.weights("w", 3, 3, 1, 1)], ["c"]),
        helper.make_node("Add", ["c", "t"], ["y"]),
    ]
    shape = ["N", 3, 8, 8]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 8, 8, 3])], [value("y", shape)], stock.tensors))
    assert not first_convolution_without_transpose(graph)
