"""What can become integer arithmetic: operators with the activation that the range of their output makes needless."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from edgeyard.optimize.graph.layer import Layer, layer_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

if TYPE_CHECKING:
    import onnx

BLENDS = ("Add", "Mul", "AveragePool", "GlobalAveragePool", "Concat", "LeakyRelu", "Sigmoid")
CARRIERS = (
    "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Pad", "DepthToSpace",
    "Dropout",
)  # fmt: skip
_STANDARD = ("", "ai.onnx")


class Role(Enum):
    """What an operator does to integers."""

    WEIGHTS = "weights"
    """Multiplies with stored weights: what quantization is for."""
    BLEND = "blend"
    """Computes with activations only, each with its own scale."""
    CARRY = "carry"
    """Moves values about: its output has the scale of its input."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One integer operator to be. It is known by `output`, the tensor after all that it absorbs."""

    role: Role
    node: onnx.NodeProto
    inputs: tuple[str, ...]
    """Activations that it reads."""
    output: str
    layer: Layer | None = None
    absorbed: tuple[onnx.NodeProto, ...] = ()
    """A Relu or Clip; or the Add of a MatMul's bias."""

    @property
    def name(self) -> str:
        """For people and settings: the node's name, or its output's."""
        return str(self.node.name or self.node.output[0])


def find_units(graph: OnnxGraph) -> list[Unit]:
    """All units in the order of the nodes. Whatever is none of them stays in floating point."""
    found = (_unit(graph, node) for node in graph.nodes)
    return [unit for unit in found if unit is not None]


def _unit(graph: OnnxGraph, node: onnx.NodeProto) -> Unit | None:
    if node.domain not in _STANDARD:
        return None
    layer = layer_of(graph, node)
    if layer is not None:
        if layer.operator == "ConvTranspose":
            return None  # onnxruntime has no integer kernel for it
        if layer.bias_node is not None:
            # The product becomes floats, to which the bias is added; a Relu then clamps floats.
            return Unit(Role.WEIGHTS, node, (node.input[0],), layer.output, layer, (layer.bias_node,))
        return _with_activation(graph, Role.WEIGHTS, node, layer.output, layer)
    constants = [graph.is_constant(name) for name in node.input if name]
    if node.op_type in BLENDS and constants and not any(constants):
        if node.op_type in {"Add", "Mul"}:
            return _with_activation(graph, Role.BLEND, node, node.output[0])
        return Unit(Role.BLEND, node, tuple(node.input), node.output[0])
    carries = node.op_type in CARRIERS and bool(constants) and not constants[0] and all(constants[1:])
    if carries and not any(node.output[1:]) and _carries_integers(graph, node):
        return Unit(Role.CARRY, node, (node.input[0],), node.output[0])
    return None


def _with_activation(
    graph: OnnxGraph,
    role: Role,
    node: onnx.NodeProto,
    output: str,
    layer: Layer | None = None,
) -> Unit:
    absorbed: tuple[onnx.NodeProto, ...] = ()
    reader = graph.only_reader(output)
    if reader is not None and reader.slot == 0 and _is_clamp(graph, reader.node):
        absorbed = (reader.node,)
        output = reader.node.output[0]
    inputs = (node.input[0],) if layer is not None else tuple(node.input)
    return Unit(role, node, inputs, output, layer, absorbed)


def _is_clamp(graph: OnnxGraph, node: onnx.NodeProto) -> bool:
    """Whether saturating at the ends of the output's range does the same."""
    if node.domain not in _STANDARD:
        return False
    return node.op_type == "Relu" or (
        node.op_type == "Clip" and all(graph.is_constant(name) for name in node.input[1:] if name)
    )


def _carries_integers(graph: OnnxGraph, node: onnx.NodeProto) -> bool:
    if node.op_type == "Pad":
        value = graph.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        return attribute(node, "mode", "constant") == "constant" and (value is None or not value.any())
    return True
