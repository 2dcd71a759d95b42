"""Which tensors of a graph are weights: those stored, and those computed from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from edgeyard.optimize import graph_shape
from edgeyard.optimize.graph_shape import SizedShape

if TYPE_CHECKING:
    import onnx

NOT_PARAMETERS = ("int64", "int32", "bool", "string")
"""Element types of shapes and indices; integers of weights are 8 bits or fewer."""
_RANDOM = ("RandomNormal", "RandomUniform", "Multinomial", "Bernoulli")
_ASKS_FOR_SHAPE = ("Shape", "Size")


@dataclass(frozen=True, slots=True)
class Weight:
    """A constant tensor. `bytes` is what it takes as it is stored (8-bit ones that are dequantized: their 8 bits)."""

    shape: tuple[int, ...]
    bytes: int
    is_parameter: bool


def find_weights(model: onnx.ModelProto, shapes: dict[str, SizedShape]) -> tuple[dict[str, Weight], set[int]]:
    """Constant tensors of the main graph by name, and the positions of nodes that only compute constants.

    A model whose weights are made by `ConstantOfShape`, or dequantized from 8 bits, has the same parameters as one that
    stores them plainly. Shapes that are known only when the model runs leave their tensors out.
    """
    weights = {tensor.name: _stored(tensor) for tensor in model.graph.initializer}
    for sparse in model.graph.sparse_initializer:
        weights[sparse.values.name] = _stored(sparse.values, tuple(sparse.dims))
    types = _types(model)
    nodes: set[int] = set()
    for index, node in enumerate(model.graph.node):
        inputs = [name for name in node.input if name]
        if not node.output or node.op_type.startswith(_RANDOM) or any(name not in weights for name in inputs):
            continue
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            continue
        nodes.add(index)
        for name in node.output:
            made = _made(node, name, weights, shapes, types)
            if made is not None:
                weights[name] = made
    return weights, nodes


def _made(
    node: onnx.NodeProto, name: str, weights: dict[str, Weight], shapes: dict[str, SizedShape], types: dict[str, str]
) -> Weight | None:
    if node.op_type == "Constant":
        for attribute in node.attribute:
            if attribute.HasField("t"):
                stored = _stored(attribute.t)
                # Plain numbers in formulas are no parameters.
                return Weight(stored.shape, stored.bytes, stored.is_parameter and prod(stored.shape) > 1)
        return Weight((), 0, is_parameter=False)
    shape, item_bytes = shapes.get(name, ((), 0))
    known = tuple(size for size in shape if size is not None)
    if len(known) != len(shape):
        return Weight((), 0, is_parameter=False)
    if node.op_type == "DequantizeLinear" and node.input[0] in weights:
        stored = weights[node.input[0]]
        return Weight(stored.shape, stored.bytes, is_parameter=True)
    is_parameter = node.op_type not in _ASKS_FOR_SHAPE and types.get(name, "") not in NOT_PARAMETERS
    return Weight(known, prod(known) * item_bytes, is_parameter and prod(known) > 1)


def _stored(tensor: onnx.TensorProto, shape: tuple[int, ...] | None = None) -> Weight:
    word = graph_shape.type_name(tensor.data_type)
    size = prod(tensor.dims)
    item_bytes = graph_shape.item_bytes(tensor.data_type)
    return Weight(shape or tuple(tensor.dims), size * int(item_bytes * 8) // 8, word not in NOT_PARAMETERS)


def _types(model: onnx.ModelProto) -> dict[str, str]:
    values = (*model.graph.value_info, *model.graph.output)
    return {
        value.name: graph_shape.type_name(value.type.tensor_type.elem_type)
        for value in values
        if value.type.tensor_type.elem_type
    }
