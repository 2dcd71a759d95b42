"""Rows of a layer: inputs times the layer's matrix are its outputs, for every way to pad and stride."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.graph.layer import bias_of, layers, matrix_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay
from edgeyard.optimize.graph.rows import conv_rows, product_rows, window_of
from tests.unit.optimize import net
from tests.unit.optimize.toy_model import value


def check(build: net.Net, shape: tuple[int, ...], per_sample: int, output: str, sizes: list[Any]) -> None:
    graph = OnnxGraph(build.model(output, sizes))
    (layer,) = layers(graph)
    data = net.samples(3, shape)
    (batch,) = Replay(graph, data, 8, 1 << 20).batches([layer.input, layer.output])
    window = window_of(layer, weight_of(graph, layer).shape[2:])
    assert window is not None
    rng = np.random.default_rng(0)
    rows, outputs = conv_rows(batch[layer.input], batch[layer.output], window, per_sample, rng)
    assert outputs is not None
    assert len(rows) <= 3 * per_sample
    matrix, bias = matrix_of(graph, layer), bias_of(graph, layer)
    if layer.group == 1:
        expected = rows.reshape(len(rows), -1) @ matrix + bias
    else:
        expected = np.einsum("rcf,fc->rc", rows, matrix) + bias
    assert np.allclose(expected, outputs, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 2),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    st.integers(5, 9),
    st.integers(1, 200),
)
def test_rows_times_the_matrix_are_the_outputs(
    kernel: int, stride: int, dilation: int, pads: tuple[int, ...], auto_pad: str, side: int, per_sample: int
) -> None:
    dilation = dilation if auto_pad == "NOTSET" else 1
    if (kernel - 1) * dilation + 1 > side:
        return
    build = net.Net(side=side)
    extra: dict[str, Any] = {"pads": list(pads)} if auto_pad == "NOTSET" else {"auto_pad": auto_pad, "pads": [0] * 4}
    output = build.conv("image", 3, 5, kernel, strides=[stride] * 2, dilations=[dilation] * 2, **extra)
    if auto_pad != "NOTSET":
        del build.nodes[0].attribute[[each.name for each in build.nodes[0].attribute].index("pads")]
    check(build, (3, side, side), per_sample, output, ["N", 5, "H", "W"])


def test_depthwise_rows_keep_channels_apart() -> None:
    build = net.Net()
    check(build, (3, 8, 8), 10, build.conv("image", 3, 3, group=3), ["N", 3, 8, 8])


def test_one_axis_is_a_window_too() -> None:
    build = net.Net()
    build.input = value("image", ["N", 3, 9])
    output = build.op("Conv", "image", build.normal(5, 3, 4), build.normal(5), pads=[1, 2], strides=[2])
    check(build, (3, 9), 100, output, ["N", 5, "L"])


def test_a_kernel_over_three_axes_has_no_window() -> None:
    build = net.Net()
    build.input = value("image", ["N", 3, 4, 4, 4])
    output = build.op("Conv", "image", build.normal(5, 3, 2, 2, 2))
    graph = OnnxGraph(build.model(output, ["N", 5, 3, 3, 3]))
    assert window_of(layers(graph)[0], (2, 2, 2)) is None


@pytest.mark.parametrize("per_sample", [1, 3, 50])
def test_rows_of_a_product_are_on_its_last_axis(per_sample: int) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(4, 2, 3, 6)).astype(np.float32), rng.normal(size=(6, 5)).astype(np.float32)
    rows, outputs = product_rows(x, x @ weight, per_sample, rng)
    assert outputs is not None
    assert rows.shape == (4 * min(per_sample, 6), 6)
    assert np.allclose(rows @ weight, outputs, atol=1e-5)
    assert product_rows(x, None, per_sample, rng)[1] is None
