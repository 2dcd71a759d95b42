"""Layers with weights (Conv, ConvTranspose, Gemm, MatMul) as what they are to linear algebra: a matrix and a bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

if TYPE_CHECKING:
    import onnx

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
BIAS_SLOTS = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2}


@dataclass(frozen=True, slots=True)
class Layer:
    """A node whose weight (input 1) is a float32 constant.

    `output` is the tensor after its bias: for a MatMul whose product only an Add with a constant reads, the Add's.
    """

    node: onnx.NodeProto
    output: str
    bias_node: onnx.NodeProto | None
    """The Add that holds the bias of a MatMul."""

    @property
    def name(self) -> str:
        """For people: the node's own name, or its output's."""
        return str(self.node.name or self.node.output[0])

    @property
    def operator(self) -> str:
        """`Conv`, `ConvTranspose`, `Gemm` or `MatMul`."""
        return str(self.node.op_type)

    @property
    def input(self) -> str:
        """The tensor that the weights are applied to."""
        return str(self.node.input[0])

    @property
    def group(self) -> int:
        """Of a convolution; else 1."""
        return int(attribute(self.node, "group", 1))


def layers(graph: OnnxGraph) -> list[Layer]:
    """The layers of `graph` in the order of its nodes. Gemm with factors or a transposed input is none of them."""
    found = (layer_of(graph, node) for node in graph.nodes)
    return [layer for layer in found if layer is not None]


def layer_of(graph: OnnxGraph, node: onnx.NodeProto) -> Layer | None:
    """The layer that `node` is, if it is one."""
    if node.op_type not in OPERATORS or node.domain not in {"", "ai.onnx"} or len(node.input) < 2:
        return None
    weight = graph.constant(node.input[1])
    if weight is None or weight.dtype != np.float32 or graph.is_constant(node.input[0]):
        return None
    if node.op_type == "Gemm" and (
        attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0 or attribute(node, "transA", 0)
    ):
        return None
    if node.op_type in BIAS_SLOTS:
        named = len(node.input) > 2 and bool(node.input[2])
        if named and _bias_values(graph.constant(node.input[2]), _width(node, weight)) is None:
            return None
        return Layer(node, node.output[0], None)
    if weight.ndim != 2:
        return None
    reader = graph.only_reader(node.output[0])
    if reader is not None and reader.node.op_type == "Add":
        other = graph.constant(reader.node.input[1 - reader.slot])
        if _bias_values(other, weight.shape[1]) is not None:
            return Layer(node, reader.node.output[0], reader.node)
    return Layer(node, node.output[0], None)


def weight_of(graph: OnnxGraph, layer: Layer) -> NDArray[np.float32]:
    """The weight as stored."""
    weight = graph.constant(layer.node.input[1])
    assert weight is not None, "a layer's weight is a constant"
    return weight


def matrix_of(graph: OnnxGraph, layer: Layer) -> NDArray[np.float32]:
    """The weights as features × outputs: what a row of inputs is multiplied by.

    For a convolution the features of an output value are the C_in ÷ groups × K… inputs under its kernel, in that order,
    and grouped ones share the rows: row f of column c meets input f of c's own group.
    """
    weight = weight_of(graph, layer)
    if layer.operator == "Conv":
        return weight.reshape(len(weight), -1).T
    if layer.operator == "ConvTranspose":
        message = "a transposed convolution spreads values and has no matrix of this kind"
        raise ValueError(message)
    return weight.T if attribute(layer.node, "transB", 0) else weight


def store_matrix(graph: OnnxGraph, layer: Layer, matrix: NDArray[Any]) -> None:
    """Put weights in the form of `matrix_of` back. The number of features and outputs may not have changed."""
    stored = weight_of(graph, layer)
    values = matrix.astype(np.float32)
    if layer.operator == "Conv":
        values = values.T.reshape(stored.shape)
    elif attribute(layer.node, "transB", 0):
        values = values.T
    graph.store_for(layer.node, 1, values)


def bias_of(graph: OnnxGraph, layer: Layer) -> NDArray[np.float32] | None:
    """One value per output; `None` where the layer has no bias (a Conv or Gemm can be given one)."""
    place = _bias_place(graph, layer)
    if place is None:
        return None
    node, slot = place
    stored = graph.constant(node.input[slot]) if len(node.input) > slot and node.input[slot] else None
    return None if stored is None else _bias_values(stored, _width(layer.node, weight_of(graph, layer)))


def can_hold_bias(graph: OnnxGraph, layer: Layer) -> bool:
    """Whether `store_bias` works: always, except for a MatMul without an Add."""
    return _bias_place(graph, layer) is not None


def store_bias(graph: OnnxGraph, layer: Layer, bias: NDArray[Any]) -> None:
    """Set the bias, one value per output."""
    place = _bias_place(graph, layer)
    if place is None:
        message = f"{layer.name} has no place for a bias"
        raise ValueError(message)
    node, slot = place
    graph.store_for(node, slot, bias.astype(np.float32))


def _bias_place(graph: OnnxGraph, layer: Layer) -> tuple[Any, int] | None:
    if layer.bias_node is not None:
        return layer.bias_node, 0 if graph.is_constant(layer.bias_node.input[0]) else 1
    slot = BIAS_SLOTS.get(layer.operator)
    return None if slot is None else (layer.node, slot)


def _bias_values(stored: NDArray[Any] | None, width: int) -> NDArray[np.float32] | None:
    if stored is None or stored.dtype != np.float32 or stored.size not in {1, width} or (stored.shape or (1,))[-1] == 0:
        return None
    if stored.size == width and stored.ndim and stored.shape[-1] != width:
        return None
    return np.broadcast_to(stored.reshape(-1), (width,)).copy()


def _width(node: Any, weight: NDArray[Any]) -> int:
    """How many outputs."""
    if node.op_type == "Conv":
        return len(weight)
    if node.op_type == "ConvTranspose":
        return int(weight.shape[1] * attribute(node, "group", 1))
    return int(weight.shape[0] if attribute(node, "transB", 0) else weight.shape[1])
