"""The first convolution of a model that takes images with their channels last, without transposing them.

In memory such an image is one of one channel whose rows hold the channels of all pixels in turn; a kernel of C times
the width, moved by C times the stride, meets the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgeyard.optimize.graph.layer import Layer, layer_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

if TYPE_CHECKING:
    import onnx

_MOST_CHANNELS = 4


def first_convolution_without_transpose(graph: OnnxGraph) -> bool:
    """Rewrite the model if it starts with a Transpose to channels first and a Conv; whether it did."""
    from onnx import helper

    layer = _first(graph)
    if layer is None:
        return False
    transpose = graph.maker(layer.input)
    assert transpose is not None
    shape = graph.shapes().get(transpose.input[0], ())
    if len(shape) != 4 or None in shape[1:]:
        return False
    _, height, width, channels = (size or 0 for size in shape)
    weight = weight_of(graph, layer)
    pads = list(attribute(layer.node, "pads", [0, 0, 0, 0]))
    strides = list(attribute(layer.node, "strides", [1, 1]))
    if weight.shape[1] != channels or channels > _MOST_CHANNELS:
        return False
    rows = np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(len(weight), 1, weight.shape[2], -1)
    names = [graph.new_name(f"{layer.output}_{what}") for what in ("view", "weight", "shape")]
    graph.store(names[1], rows)
    graph.store(names[2], np.array([-1, 1, height, width * channels], np.int64))
    view = helper.make_node("Reshape", [transpose.input[0], names[2]], [names[0]], names[0])
    convolution = helper.make_node(
        "Conv",
        [names[0], names[1], *layer.node.input[2:]],
        list(layer.node.output),
        layer.node.name,
        kernel_shape=list(rows.shape[2:]),
        strides=[strides[0], strides[1] * channels],
        pads=[pads[0], pads[1] * channels, pads[2], pads[3] * channels],
    )
    place = graph.nodes.index(layer.node)
    graph.nodes[place : place + 1] = [view, convolution]
    graph.index()
    return True


def _first(graph: OnnxGraph) -> Layer | None:
    readers = graph.readers(graph.inputs[0])
    if len(readers) != 1 or not _to_channels_first(readers[0].node):
        return None
    reader = graph.only_reader(readers[0].node.output[0])
    layer = layer_of(graph, reader.node) if reader is not None else None
    if layer is None or layer.operator != "Conv" or layer.group != 1:
        return None
    plain = attribute(layer.node, "auto_pad", "NOTSET") == "NOTSET"
    return layer if plain and set(attribute(layer.node, "dilations", [1])) == {1} else None


def _to_channels_first(node: onnx.NodeProto) -> bool:
    return node.op_type == "Transpose" and tuple(attribute(node, "perm", ())) == (0, 3, 1, 2)
