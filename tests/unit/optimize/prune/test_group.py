"""Groups of channels: what may go together, what must stay, and that cutting leaves a valid model."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeyard.optimize.graph.layer import layers
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.group import channel_groups, cut
from tests.unit.optimize import net
from tests.unit.optimize.toy_model import value


def shapes_of_groups(model: onnx.ModelProto) -> list[tuple[int, int, int]]:
    """Channels, makers and readers of each group."""
    groups, _ = channel_groups(OnnxGraph(model))
    return [(len(group), len(group.makers), len(group.uses)) for group in groups]


def cut_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Every second channel of every group gone."""
    graph = OnnxGraph(model)
    groups, book = channel_groups(graph)
    cut(graph, book, {channel for group in groups for channel in group.channels[1::2]})
    smaller = graph.to_model()
    onnx.checker.check_model(smaller, full_check=True)
    return smaller


def output_shape(model: onnx.ModelProto, batch: int) -> tuple[int, ...]:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    return net.run(model, np.zeros((batch, *[each.dim_value for each in dims[1:]]), np.float32)).shape


def test_inner_channels_go_alone_and_a_residual_stream_goes_as_one() -> None:
    model = net.residual(wide=8, inner=12)
    # The stream is made by the stem and both second convolutions, and read by both first ones and the head.
    assert shapes_of_groups(model) == [(8, 3, 3), (12, 1, 1), (12, 1, 1)]
    smaller = cut_half(model)
    assert output_shape(smaller, 1) == (1, 4)
    assert output_shape(smaller, 3) == (3, 4)


def test_depthwise_channels_follow_the_pointwise_ones() -> None:
    model = net.separable()
    assert shapes_of_groups(model) == [(16, 1, 1), (16, 1, 1), (16, 1, 1)]
    smaller = cut_half(model)
    graph = OnnxGraph(smaller)
    assert [layer.group for layer in layers(graph)] == [1, 8, 1, 8, 1, 1]
    assert output_shape(smaller, 3) == (3, 4)


def test_a_depthwise_multiplier_keeps_its_pairs() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 6)
    x = build.conv_relu(x, 6, 12, group=6)
    smaller = cut_half(build.model(build.head(x, 12)))
    assert layers(OnnxGraph(smaller))[1].group == 3
    assert output_shape(smaller, 2) == (2, 4)


def test_concatenated_channels_stay_apart() -> None:
    build = net.Net()
    left, right = build.conv_relu("image", 3, 6), build.conv_relu("image", 3, 10, kernel=1)
    x = build.conv_relu(build.op("Concat", left, right, axis=1), 16, 8)
    model = build.model(build.head(x, 8))
    assert shapes_of_groups(model) == [(6, 1, 1), (10, 1, 1), (8, 1, 1)]
    assert output_shape(cut_half(model), 2) == (2, 4)


def test_a_gate_on_channels_goes_with_them() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 8)
    squeezed = build.conv_relu(build.op("GlobalAveragePool", x), 8, 4, kernel=1)
    gate = build.op("Sigmoid", build.conv(squeezed, 4, 8, kernel=1))
    model = build.model(build.head(build.op("Mul", x, gate), 8))
    assert shapes_of_groups(model) == [(8, 2, 2), (4, 1, 1)]
    assert output_shape(cut_half(model), 2) == (2, 4)


def test_flattened_channels_take_all_their_places_with_them() -> None:
    build = net.Net()
    x = build.op("MaxPool", build.conv_relu("image", 3, 6), kernel_shape=[4, 4], strides=[4, 4])
    flat = build.op("Reshape", x, build.stored(np.array([0, 24])))
    model = build.model(build.op("Gemm", flat, build.normal(24, 4), build.normal(4)))
    (group,) = channel_groups(OnnxGraph(model))[0]
    assert [list(where) for where in group.uses[0].positions[:2]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert output_shape(cut_half(model), 2) == (2, 4)


def test_channels_are_followed_through_a_transpose_before_a_flatten() -> None:
    build = net.Net()
    x = build.op("MaxPool", build.conv_relu("image", 3, 6), kernel_shape=[4, 4], strides=[4, 4])
    flat = build.op("Flatten", build.op("Transpose", x, perm=[0, 2, 3, 1]))
    model = build.model(build.op("Gemm", flat, build.normal(24, 4), build.normal(4)))
    (group,) = channel_groups(OnnxGraph(model))[0]
    assert list(group.uses[0].positions[0]) == [0, 6, 12, 18]
    assert output_shape(cut_half(model), 2) == (2, 4)


def test_norms_slopes_and_constants_per_channel_are_cut_too() -> None:
    build = net.Net()
    x = build.norm(build.conv("image", 3, 6), 6)
    x = build.op("PRelu", x, build.normal(6, 1, 1))
    x = build.op("Mul", x, build.normal(1, 6, 1, 1))
    x = build.op("Add", x, build.normal(1))
    model = build.model(build.head(x, 6))
    assert shapes_of_groups(model) == [(6, 1, 1)]
    smaller = cut_half(model)
    assert output_shape(smaller, 2) == (2, 4)
    assert max(tensor.dims[0] for tensor in smaller.graph.initializer if len(tensor.dims) == 1) == 4


def test_a_transposed_convolution_makes_channels_but_does_not_lose_its_inputs() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 6)
    x = build.op("ConvTranspose", x, build.normal(6, 8, 2, 2), build.normal(8), strides=[2, 2])
    model = build.model(build.head(x, 8))
    assert shapes_of_groups(model) == [(8, 1, 1)]
    assert output_shape(cut_half(model), 2) == (2, 4)


def shuffle(build: net.Net, x: str) -> str:
    parts = build.op("Reshape", x, build.stored(np.array([-1, 2, 3, 8, 8])))
    return build.op(
        "Reshape", build.op("Transpose", parts, perm=[0, 2, 1, 3, 4]), build.stored(np.array([-1, 6, 8, 8]))
    )


@pytest.mark.parametrize(
    "between",
    [
        shuffle,
        lambda build, x: build.op("Softmax", x, axis=1),
        lambda build, x: build.op("LRN", x, size=3),
        lambda build, x: build.op("Concat", build.op("Slice", x, *slice_of(build, 0, 2)), x, axis=1),
        lambda build, x: build.conv(x, 6, 6, group=2),
    ],
)
def test_operators_that_mix_channels_hold_them_in_place(between: Any) -> None:
    build = net.Net()
    x = between(build, build.conv_relu("image", 3, 6))
    wide = 8 if build.nodes[-1].op_type == "Concat" else 6
    assert shapes_of_groups(build.model(build.head(x, wide))) == []


def slice_of(build: net.Net, start: int, end: int) -> list[str]:
    return [build.stored(np.array([each])) for each in (start, end, 1)]


def test_padded_shortcuts_hold_the_stream_but_not_what_is_inside() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 6)
    inner = build.conv_relu(x, 6, 10)
    branch = build.conv(inner, 10, 8)
    padded = build.op("Pad", x, build.stored(np.array([0, 1, 0, 0, 0, 1, 0, 0])))
    model = build.model(build.head(build.op("Relu", build.op("Add", branch, padded)), 8))
    assert shapes_of_groups(model) == [(10, 1, 1)]


def test_outputs_and_what_subgraphs_read_must_stay() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 6)
    logits = build.head(x, 6)
    model = build.model(logits)
    model.graph.output.append(value(x, ["N", 6, 8, 8]))
    assert shapes_of_groups(model) == []
    inner = helper.make_graph([helper.make_node("Identity", [x], ["t"])], "b", [], [value("t", ["N", 6, 8, 8])])
    nodes = [*build.nodes, helper.make_node("If", ["flag"], ["seen"], then_branch=inner, else_branch=inner)]
    del model.graph.output[1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "flag"))
    assert shapes_of_groups(model) == []


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_random_networks_stay_valid_and_forget_only_what_was_cut(data: st.DataObject) -> None:
    """Channels with zero weights and biases on both sides can go without any difference."""
    build = net.Net(data.draw(st.integers(0, 99)), side=6)
    wide = data.draw(st.integers(2, 6))
    x = build.conv_relu("image", 3, wide)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["plain", "residual", "wider", "depthwise", "concat", "norm"]))
        if kind == "plain":
            new = data.draw(st.integers(2, 6))
            x, wide = build.conv_relu(x, wide, new, kernel=data.draw(st.sampled_from([1, 3]))), new
        elif kind == "residual":
            inner = data.draw(st.integers(2, 6))
            branch = build.conv(build.conv_relu(x, wide, inner), inner, wide)
            x = build.op("Relu", build.op("Add", branch, x))
        elif kind == "wider":
            x, wide = build.op("Relu", build.op("Add", build.conv(x, wide, 5), build.conv(x, wide, 5, kernel=1))), 5
        elif kind == "depthwise":
            x = build.conv_relu(x, wide, wide, group=wide)
        elif kind == "concat":
            x, wide = build.op("Concat", x, build.conv_relu(x, wide, 3), axis=1), wide + 3
        else:
            x = build.norm(x, wide)
    model = build.model(build.head(x, wide))
    graph = OnnxGraph(model)
    groups, book = channel_groups(graph)
    gone = {c for group in groups for c in data.draw(st.lists(st.sampled_from(group.channels), unique=True))[1:]}
    silenced = graph.copy()
    silence(silenced, book, gone)
    cut(graph, book, gone)
    smaller = graph.to_model()
    onnx.checker.check_model(smaller, full_check=True)
    x = net.batch_of(net.samples(3, (3, 6, 6)))
    assert np.allclose(net.run(silenced.to_model(), x), net.run(smaller, x), atol=1e-4)


def silence(graph: OnnxGraph, book: Any, gone: set[int]) -> None:
    """Set the weights by which the channels are read to zero; the shapes stay."""
    for slot in book.slots:
        if slot.role == "input":
            values = np.asarray(graph.constant(slot.node.input[1]))
            where = np.flatnonzero(np.isin(book.roots(slot.labels), sorted(gone)))
            index: list[Any] = [slice(None)] * values.ndim
            index[slot.axis] = where
            values[tuple(index)] = 0
            graph.store(slot.node.input[1], values)
