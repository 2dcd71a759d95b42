"""Layers as matrices: what is one, its weights and bias, and that writing them back changes nothing else."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from edgeyard.optimize.graph.layer import (
    bias_of,
    can_hold_bias,
    layers,
    matrix_of,
    store_bias,
    store_matrix,
    weight_of,
)
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from tests.unit.optimize import net
from tests.unit.optimize.toy_model import model_of, value


def test_layers_are_found_in_order_with_their_biases() -> None:
    graph = OnnxGraph(net.separable())
    found = layers(graph)
    assert [layer.operator for layer in found] == ["Conv"] * 5 + ["MatMul"]
    assert [layer.group for layer in found] == [1, 16, 1, 16, 1, 1]
    head = found[-1]
    assert head.bias_node is not None
    assert head.output == head.bias_node.output[0]
    assert all(bias_of(graph, layer) is not None for layer in found)


@pytest.mark.parametrize("model", [net.residual(), net.separable()])
def test_writing_back_what_was_read_changes_nothing(model) -> None:  # type: ignore[no-untyped-def]
    graph = OnnxGraph(model)
    for layer in layers(graph):
        before, bias = weight_of(graph, layer), bias_of(graph, layer)
        store_matrix(graph, layer, matrix_of(graph, layer))
        assert bias is not None
        store_bias(graph, layer, bias)
        assert np.array_equal(before, weight_of(graph, layer))
    data = net.samples(4, (3, 8, 8) if model.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 3 else (8, 8, 3))
    assert np.array_equal(net.run(model, net.batch_of(data)), net.run(graph.to_model(), net.batch_of(data)))


def test_a_matrix_times_the_input_is_the_output() -> None:
    build = net.Net()
    flat = build.op("Flatten", "image")
    graph = OnnxGraph(build.model(build.op("Gemm", flat, build.normal(192, 4), build.normal(1, 4))))
    (layer,) = layers(graph)
    x = net.batch_of(net.samples(3))
    expected = x.reshape(3, -1) @ matrix_of(graph, layer) + bias_of(graph, layer)
    assert np.allclose(net.run(graph.to_model(), x), expected, atol=1e-4)


def test_a_convolution_without_a_bias_can_be_given_one() -> None:
    build = net.Net()
    x = build.conv("image", 3, 5, bias=False)
    graph = OnnxGraph(build.model(build.head(x, 5)))
    layer = layers(graph)[0]
    assert bias_of(graph, layer) is None
    assert can_hold_bias(graph, layer)
    before = net.run(graph.to_model(), net.batch_of(net.samples(2)))
    store_bias(graph, layer, np.zeros(5))
    assert np.array_equal(before, net.run(graph.to_model(), net.batch_of(net.samples(2))))
    store_bias(graph, layer, np.ones(5))
    assert np.array_equal(np.asarray(bias_of(graph, layer)), np.ones(5))


def test_products_that_are_no_layers_are_left_alone() -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "k"], ["a"], alpha=0.5),
        helper.make_node("MatMul", ["a", "a2"], ["y"]),
        helper.make_node("Transpose", ["x"], ["a2"]),
    ]
    stored = [numpy_helper.from_array(np.ones((4, 4), np.float32), "k")]
    graph = OnnxGraph(model_of([nodes[0], nodes[2], nodes[1]], [value("x", [1, 4])], [value("y", [1, 1])], stored))
    assert layers(graph) == []


def test_a_product_whose_sum_is_read_twice_keeps_its_own_output() -> None:
    build = net.Net()
    flat = build.op("Flatten", "image")
    product = build.op("MatMul", flat, build.normal(192, 4))
    total = build.op("Add", build.op("Add", product, build.normal(4)), product)
    graph = OnnxGraph(build.model(total))
    (layer,) = layers(graph)
    assert layer.bias_node is None
    assert not can_hold_bias(graph, layer)
    with pytest.raises(ValueError, match="no place"):
        store_bias(graph, layer, np.zeros(4))
