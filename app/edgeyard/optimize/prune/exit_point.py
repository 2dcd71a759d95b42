"""Where a model can be left early: tensors that everything from the input to the output goes through."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.optimize.cost import multiply_adds
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute, names_from_outside


@dataclass(frozen=True, slots=True)
class ExitPoint:
    """The model up to `tensor` makes it from the input, and what follows reads nothing else that depends on the input.

    `feature` is the same in float32: `tensor` itself, or what a DequantizeLinear makes of it.
    """

    tensor: str
    feature: str
    nodes: int
    """How many of the graph's nodes come before."""
    cost_share: float
    """Their part of the multiply-adds."""
    shape: tuple[int, ...]
    """Of the feature, for one sample (without the batch axis)."""


def exit_points(graph: OnnxGraph) -> list[ExitPoint]:
    """All of them with known shapes, in order: after which node only one tensor is still to be read."""
    shapes = graph.shapes()
    last_read = dict.fromkeys(graph.outputs, len(graph.nodes))
    for number, node in enumerate(graph.nodes):
        for name in (*node.input, *names_from_outside(node)):
            last_read[name] = max(last_read.get(name, -1), number)
    depends = set(graph.inputs)
    alive = {name for name in graph.inputs if name in last_read}
    costs = [_cost(node, shapes) for node in graph.nodes]
    whole, spent, found = max(1, sum(costs)), 0, []
    for number, node in enumerate(graph.nodes):
        spent += costs[number]
        if depends.intersection((*node.input, *names_from_outside(node))):
            depends.update(name for name in node.output if name)
            alive.update(name for name in node.output if last_read.get(name, -1) > number)
        alive = {name for name in alive if last_read[name] > number}
        if len(alive) != 1 or alive <= set(graph.outputs):
            continue
        (tensor,) = alive
        feature = _feature(graph, tensor)
        shape = shapes.get(feature)
        if shape is not None and len(shape) > 1 and all(shape[1:]):
            sizes = tuple(int(size or 0) for size in shape[1:])
            found.append(ExitPoint(tensor, feature, number + 1, spent / whole, sizes))
    return found


def _feature(graph: OnnxGraph, tensor: str) -> str:
    maker = graph.maker(tensor)
    if maker is not None and maker.op_type == "QuantizeLinear":
        for reader in graph.readers(tensor):
            if reader.node.op_type == "DequantizeLinear" and reader.slot == 0:
                return str(reader.node.output[0])
    return tensor


def _cost(node: object, shapes: dict[str, tuple[int | None, ...]]) -> int:
    sides = []
    for names in (node.input, node.output):  # type: ignore[attr-defined]  # protobuf has no public type
        known = [shapes.get(name) for name in names]
        sides.append([s if s is not None and None not in s else None for s in known])
    given = {"transA": int(attribute(node, "transA", 0))}  # type: ignore[arg-type]
    return multiply_adds(node.op_type, sides[0], sides[1], given) or 0  # type: ignore[attr-defined, arg-type]
