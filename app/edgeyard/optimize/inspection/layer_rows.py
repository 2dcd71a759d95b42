"""A row per node: what it costs, what it holds, what it moves, and where its inputs come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from edgeyard.optimize import graph_shape, model_file
from edgeyard.optimize.cost import multiply_adds
from edgeyard.optimize.graph_shape import Shape, SizedShape
from edgeyard.optimize.inspection.constant import Weight, find_weights
from edgeyard.optimize.inspection.liveness import RunStep, live_bytes
from edgeyard.optimize.summary import LayerRow

if TYPE_CHECKING:
    import onnx

_KERNELS = {
    "Conv": 1, "ConvTranspose": 1, "ConvInteger": 1, "Gemm": 1, "MatMul": 1, "MatMulInteger": 1, "QLinearConv": 3,
    "QLinearMatMul": 3,
}  # fmt: skip
"""Which input is the main weight."""


@dataclass(frozen=True, slots=True)
class LayerTable:
    """`rows` of the main graph in its order; `unknown` names nodes whose multiply-adds could not be counted, `sizeless`
    counts activations whose size is not known; `unused_bytes` are weights that no node reads."""

    rows: tuple[LayerRow, ...]
    unknown: tuple[str, ...]
    sizeless: int
    unused_bytes: int
    largest_bytes: int
    """Of one activation."""


def layer_table(model: onnx.ModelProto, shapes: dict[str, SizedShape]) -> LayerTable:
    """The table of `model` (one sample, local functions inlined), given its inferred `shapes`."""
    weights, constant_nodes = find_weights(model, shapes)
    nodes = model.graph.node
    reads = [_activations(node, weights) for node in nodes]
    sizes = {name: graph_shape.tensor_bytes(*sized) for name, sized in shapes.items() if name not in weights}
    steps = [
        RunStep(node.op_type, read, () if index in constant_nodes else tuple(filter(None, node.output)))
        for index, (node, read) in enumerate(zip(nodes, reads, strict=True))
    ]
    inputs = [value.name for value in graph_shape.free_inputs(model)]
    live = live_bytes(steps, sizes, inputs, (value.name for value in model.graph.output))
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    unused = dict(weights)
    rows: list[LayerRow] = []
    unknown = []
    for index, node in enumerate(nodes):
        is_constant = index in constant_nodes
        cost = 0 if is_constant else _multiply_adds(node, shapes)
        # A weight that several nodes share is counted where it is used first.
        used = [] if is_constant else [unused.pop(name) for name in _names(node) if name in unused]
        weight_bytes = sum(weight.bytes for weight in used)
        output_bytes = 0 if is_constant else sum(sizes.get(name, 0) for name in node.output)
        name = node.name or f"{node.op_type}-{index}"
        if cost is None:
            unknown.append(name)
        rows.append(
            LayerRow(
                name=name,
                operator=node.op_type,
                parameters=sum(prod(weight.shape) for weight in used if weight.is_parameter),
                multiply_adds=cost or 0,
                output_shape=shapes.get(node.output[0], ((), 0))[0] if node.output else (),
                weight_bytes=weight_bytes,
                output_bytes=output_bytes,
                moved_bytes=weight_bytes + output_bytes + sum(sizes.get(read, 0) for read in reads[index]),
                live_bytes=0 if is_constant else live[index],
                sources=tuple(sorted({makers[read] for read in reads[index] if read in makers})),
                kernel=_kernel(node, weights),
                groups=next((a.i for a in node.attribute if a.name == "group"), 1),
                constant=is_constant,
            )
        )
    read = {name for step in steps for name in step.reads} | {value.name for value in model.graph.output}
    made = {name for step in steps for name in step.makes}
    return LayerTable(
        tuple(rows),
        tuple(unknown),
        sum(name not in shapes or None in shapes[name][0] for name in made & read),
        _unused_bytes(model, weights),
        max((sizes.get(name, 0) for name in made | set(inputs)), default=0),
    )


def _unused_bytes(model: onnx.ModelProto, weights: Mapping[str, Weight]) -> int:
    read = {name for node in model.graph.node for name in _names(node)} | {value.name for value in model.graph.output}
    return sum(weights[tensor.name].bytes for tensor in model.graph.initializer if tensor.name not in read)


def _names(node: onnx.NodeProto) -> list[str]:
    """All that the node reads, in order, once each; with what its branches take from outside."""
    names = dict.fromkeys(name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            names |= dict.fromkeys(name for inner in model_file.nodes_below(graph.node) for name in inner.input if name)
    return list(names)


def _activations(node: onnx.NodeProto, weights: Mapping[str, Weight]) -> tuple[str, ...]:
    return tuple(name for name in _names(node) if name not in weights)


def _multiply_adds(node: onnx.NodeProto, shapes: dict[str, SizedShape]) -> int | None:
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    inputs, outputs = ([_complete(shapes, name) for name in names] for names in (node.input, node.output))
    return multiply_adds(node.op_type, inputs, outputs, attributes)


def _complete(shapes: dict[str, SizedShape], name: str) -> tuple[int, ...] | None:
    shape: Shape | None = shapes[name][0] if name in shapes else None
    if shape is None:
        return None
    known = tuple(size for size in shape if size is not None)
    return known if len(known) == len(shape) else None


def _kernel(node: onnx.NodeProto, weights: Mapping[str, Weight]) -> tuple[int, ...]:
    """Gemm's in the order inputs × outputs, whatever its `transB` says."""
    position = _KERNELS.get(node.op_type, 0)
    if not position or len(node.input) <= position or node.input[position] not in weights:
        return ()
    shape = weights[node.input[position]].shape
    transposed = node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute)
    return shape[::-1] if transposed else shape
