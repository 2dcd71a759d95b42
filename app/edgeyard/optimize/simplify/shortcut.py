"""Shortcuts of residual networks that skip pixels and add channels of zeros, as one convolution.

K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 3.3, option A. Exporters write it as
Slice and Pad, which break the blocked layouts that runtimes keep images in; a 1×1 convolution whose weights are 0 and 1
computes the same, bit for bit, and is fused with what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

if TYPE_CHECKING:
    import onnx

_MOST_WEIGHTS = 1 << 14
"""64 KiB: past that the zeros cost more than the copies they replace."""


@dataclass(frozen=True, slots=True)
class _Shortcut:
    """`out` is made from `source` by leaving out rows and columns and adding channels before and after."""

    source: str
    strides: tuple[int, int]
    before: int
    after: int


def shortcuts_as_convolutions(graph: OnnxGraph) -> int:
    """Replace each Slice (or two) and Pad of that kind; how many there were."""
    from onnx import helper

    shapes = graph.shapes()
    replaced = 0
    for node in list(graph.nodes):
        found = _shortcut(graph, node, shapes) if node.op_type == "Pad" else None
        if found is None:
            continue
        channels = shapes[found.source][1]
        assert channels is not None, "_shortcut() asks for it"
        total = channels + found.before + found.after
        weight = np.zeros((total, channels, 1, 1), np.float32)
        weight[np.arange(channels) + found.before, np.arange(channels)] = 1
        name = graph.new_name(f"{node.output[0]}_shortcut")
        graph.store(name, weight)
        convolution = helper.make_node(
            "Conv",
            [found.source, name],
            list(node.output),
            node.name or f"{node.output[0]}_shortcut",
            kernel_shape=[1, 1],
            strides=list(found.strides),
        )
        graph.nodes[graph.nodes.index(node)] = convolution
        graph.index()
        replaced += 1
    return replaced


def _shortcut(graph: OnnxGraph, pad: onnx.NodeProto, shapes: dict[str, tuple[int | None, ...]]) -> _Shortcut | None:
    pads = graph.constant(pad.input[1]) if len(pad.input) > 1 else None
    value = graph.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else None
    if (
        pads is None
        or pads.shape != (8,)
        or len(pad.input) > 3
        or attribute(pad, "mode", "constant") != "constant"
        or (len(pad.input) > 2 and pad.input[2] and (value is None or value.any()))
        or (pads < 0).any()
        or pads[[0, 2, 3, 4, 6, 7]].any()
    ):
        return None
    source, strides = pad.input[0], {2: 1, 3: 1}
    for _ in range(2):
        maker = graph.maker(source)
        skipped = _skipped(graph, maker, shapes) if maker is not None and maker.op_type == "Slice" else None
        if skipped is None:
            break
        assert maker is not None
        for axis, step in skipped.items():
            strides[axis] *= step
        source = maker.input[0]
    shape = shapes.get(source, ())
    if source == pad.input[0] or len(shape) != 4 or shape[1] is None:
        return None
    before, after = int(pads[1]), int(pads[5])
    if shape[1] * (shape[1] + before + after) > _MOST_WEIGHTS:
        return None
    return _Shortcut(source, (strides[2], strides[3]), before, after)


def _skipped(
    graph: OnnxGraph, node: onnx.NodeProto, shapes: dict[str, tuple[int | None, ...]]
) -> dict[int, int] | None:
    """Step by axis of a Slice that takes every so many rows or columns from the first to the end."""
    values = [graph.constant(name) for name in node.input[1:5]]
    shape = shapes.get(node.input[0], ())
    if len(values) != 4 or any(value is None for value in values) or len(shape) != 4:
        return None
    starts, ends, axes, steps = (value.tolist() for value in values if value is not None)
    skipped = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = shape[axis]
        if axis % 4 not in {2, 3} or start != 0 or step < 1 or size is None or end < size:
            return None
        skipped[axis % 4] = int(step)
    return skipped
