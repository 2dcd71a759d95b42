"""Hand channel labels through a graph. An operator that is not known here keeps the channels it touches in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyard.optimize.graph.layer import Layer, layer_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute
from edgeyard.optimize.prune.label import Channels, LabelBook, Labels, Slot
from edgeyard.optimize.prune.reshape import flattened, reshaped

if TYPE_CHECKING:
    import onnx

# fmt: off
_ONE_BY_ONE = (
    "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus", "Softsign",
    "Mish", "Gelu", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round",
    "ThresholdedRelu", "Identity", "Dropout", "Clip",
)
# fmt: on
_TWO_SIDED = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu")
_POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "GlobalLpPool")
_NORMS = {"BatchNormalization": (1, 2, 3, 4), "InstanceNormalization": (1, 2)}
_REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare")


class Spread:
    """Labels of every tensor of a graph and the places that hold them. `book.slots` is the result."""

    def __init__(self, graph: OnnxGraph) -> None:
        """Walk the nodes once, in order."""
        self.graph = graph
        self.shapes = graph.shapes()
        self.book = LabelBook()
        self.tensors: dict[str, Channels] = {}
        for node in graph.nodes:
            self._visit(node)
        for name in (*graph.outputs, *graph.captured):
            self.freeze(name)

    def freeze(self, tensor: str) -> None:
        """The channels of `tensor` must stay."""
        known = self.tensors.get(tensor)
        if known is not None:
            self.book.freeze(known.labels)

    def constant(self, node: onnx.NodeProto, slot: int) -> Any:
        """The constant at an input of `node`, or `None`."""
        return self.graph.constant(node.input[slot]) if len(node.input) > slot and node.input[slot] else None

    def put(self, node: onnx.NodeProto, slot: int, axis: int, labels: Labels, role: str) -> None:
        """Remember a place that is cut with `labels`."""
        self.book.slots.append(Slot(node, slot, axis, labels, role))

    def _visit(self, node: onnx.NodeProto) -> None:
        layer = layer_of(self.graph, node)
        tracked = [self.tensors.get(name) for name in node.input]
        if layer is not None:
            result = _LAYERS[layer.operator](self, layer, tracked[0])
        elif not any(tracked):
            return
        else:
            handler = _handler(node.op_type) if node.domain in {"", "ai.onnx"} else None
            result = None if handler is None else handler(self, node)
        if result is not None:
            self.tensors[node.output[0]] = result
        elif layer is None:
            for name in node.input:
                self.freeze(name)


Handler = Callable[[Spread, "onnx.NodeProto"], "Channels | None"]


def _conv(spread: Spread, layer: Layer, given: Channels | None) -> Channels | None:
    weight, node = weight_of(spread.graph, layer), layer.node
    if given is not None and (given.axis != 1 or weight.ndim not in {3, 4}):
        spread.book.freeze(given.labels)
        given = None
    if layer.group == 1:
        if given is not None:
            spread.put(node, 1, 1, given.labels, "input")
        labels = spread.book.new(len(weight))
    elif given is not None and weight.shape[1] == 1 and layer.group == len(given.labels):
        labels = np.repeat(given.labels, len(weight) // layer.group)
        spread.put(node, 1, 0, given.labels, "group")
    else:
        if given is not None:
            spread.book.freeze(given.labels)
        return None
    spread.put(node, 1, 0, labels, "output" if layer.group == 1 else "parameter")
    _bias(spread, node, 2, labels)
    return Channels(1, labels)


def _transposed_conv(spread: Spread, layer: Layer, given: Channels | None) -> Channels | None:
    weight, node = weight_of(spread.graph, layer), layer.node
    if given is not None and (given.axis != 1 or layer.group != 1):
        spread.book.freeze(given.labels)
        given = None
    if layer.group != 1:
        return None
    if given is not None:
        # Its channels feed a layer that is not refitted, so they stay; its own outputs may go.
        spread.book.freeze(given.labels)
    labels = spread.book.new(weight.shape[1])
    spread.put(node, 1, 1, labels, "output")
    _bias(spread, node, 2, labels)
    return Channels(1, labels)


def _gemm(spread: Spread, layer: Layer, given: Channels | None) -> Channels | None:
    weight, node = weight_of(spread.graph, layer), layer.node
    transposed = bool(attribute(node, "transB", 0))
    if given is not None and given.axis != 1:
        spread.book.freeze(given.labels)
    elif given is not None:
        spread.put(node, 1, 1 if transposed else 0, given.labels, "input")
    labels = spread.book.new(weight.shape[0 if transposed else 1])
    spread.put(node, 1, 0 if transposed else 1, labels, "output")
    _bias(spread, node, 2, labels)
    return Channels(1, labels)


def _matmul(spread: Spread, layer: Layer, given: Channels | None) -> Channels | None:
    shape = spread.shapes.get(layer.input)
    if shape is None or len(shape) < 2 or (given is not None and given.axis != len(shape) - 1):
        if given is not None:
            spread.book.freeze(given.labels)
        return None
    if given is not None:
        spread.put(layer.node, 1, 0, given.labels, "input")
    labels = spread.book.new(weight_of(spread.graph, layer).shape[1])
    spread.put(layer.node, 1, 1, labels, "output")
    return Channels(len(shape) - 1, labels)


def _bias(spread: Spread, node: onnx.NodeProto, slot: int, labels: Labels) -> None:
    bias = spread.constant(node, slot)
    if bias is not None and bias.ndim and bias.shape[-1] == len(labels):
        spread.put(node, slot, bias.ndim - 1, labels, "parameter")


def _same(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    return spread.tensors.get(node.input[0])


def _pool(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors[node.input[0]]
    return given if given.axis == 1 and not any(node.output[1:]) else None


def _norm(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors.get(node.input[0])
    slots = _NORMS[node.op_type]
    values = [spread.constant(node, slot) for slot in slots]
    if given is None or given.axis != 1 or any(value is None for value in values) or any(node.output[1:]):
        return None
    for slot in slots:
        spread.put(node, slot, 0, given.labels, "parameter")
    return given


def _two_sided(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    """Broadcast from the right, as NumPy does."""
    shapes = [spread.shapes.get(name) for name in node.input]
    if any(shape is None for shape in shapes):
        return None
    ranks = [len(shape or ()) for shape in shapes]
    sides = [spread.tensors.get(name) for name in node.input]
    from_right = {rank - side.axis for rank, side in zip(ranks, sides, strict=True) if side is not None}
    if len(from_right) != 1:
        return None
    right = from_right.pop()
    main = max((side.labels for side in sides if side is not None), key=len)
    constants = []
    for slot, (side, shape) in enumerate(zip(sides, shapes, strict=True)):
        size = (shape or ())[-right] if len(shape or ()) >= right else 1
        if side is not None and len(side.labels) != len(main):
            return None
        if side is None and size == len(main) and size != 1:
            if not spread.graph.is_constant(node.input[slot]):
                return None
            constants.append(slot)
        elif side is None and size != 1:
            return None
    for side in sides:
        if side is not None:
            spread.book.unite(main, side.labels)
    for slot in constants:
        spread.put(node, slot, ranks[slot] - right, main, "parameter")
    return Channels(max(ranks) - right, main)


def _concat(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    sides = [spread.tensors.get(name) for name in node.input]
    shapes = [spread.shapes.get(name) for name in node.input]
    axis = attribute(node, "axis", 1)
    if any(shape is None for shape in shapes):
        return None
    axis += len(shapes[0] or ()) if axis < 0 else 0
    axes = {side.axis for side in sides if side is not None}
    if axes != {axis}:
        return None
    parts = []
    for side, shape in zip(sides, shapes, strict=True):
        size = (shape or ())[axis]
        if side is None and size is None:
            return None
        labels = side.labels if side is not None else spread.book.new(int(size or 0))
        if side is None:
            spread.book.freeze(labels)
        parts.append(labels)
    return Channels(axis, np.concatenate(parts))


def _transpose(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors[node.input[0]]
    rank = len(spread.shapes.get(node.input[0]) or ())
    order = attribute(node, "perm", list(range(rank))[::-1])
    return Channels(list(order).index(given.axis), given.labels) if given.axis in order else None


def _pad(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors.get(node.input[0])
    pads = attribute(node, "pads", None) or spread.constant(node, 1)
    if given is None or pads is None or len(node.input) > 3:
        return None
    half = len(pads) // 2
    return given if given.axis < half and not pads[given.axis] and not pads[half + given.axis] else None


def _resize(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors.get(node.input[0])
    slot = 1 if node.op_type == "Upsample" or (len(node.input) == 2) else 2
    scales = spread.constant(node, slot)
    if given is None or scales is None or len(scales) <= given.axis or len(node.input) > 3:
        return None
    return given if scales[given.axis] == 1.0 else None


def _reduce(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors.get(node.input[0])
    shape = spread.shapes.get(node.input[0])
    axes = attribute(node, "axes", None)
    axes = spread.constant(node, 1) if axes is None else axes
    if given is None or shape is None or axes is None:
        return None
    gone = {int(axis) % len(shape) for axis in axes}
    if given.axis in gone:
        return None
    lower = 0 if attribute(node, "keepdims", 1) else sum(axis < given.axis for axis in gone)
    return Channels(given.axis - lower, given.labels)


def _reshape(spread: Spread, node: onnx.NodeProto) -> Channels | None:
    given = spread.tensors.get(node.input[0])
    shape, result = spread.shapes.get(node.input[0]), spread.shapes.get(node.output[0])
    if given is None or shape is None or result is None or None in (*shape, *result):
        return None
    sizes = tuple(int(size or 0) for size in shape), tuple(int(size or 0) for size in result)
    found = reshaped(given, *sizes) or flattened(given, *sizes)
    if found is None or node.op_type != "Reshape":
        return found
    wanted = spread.constant(node, 1)
    if wanted is None or wanted.ndim != 1 or len(wanted) != len(result):
        return None
    # 0 copies the size and -1 is what is left, but only one of the two can be left to be found.
    if wanted[found.axis] > 0:
        spread.put(node, 1, found.axis, found.labels, "count")
    elif wanted[found.axis] == 0 and given.axis != found.axis:
        return None
    return found


_LAYERS = {"Conv": _conv, "ConvTranspose": _transposed_conv, "Gemm": _gemm, "MatMul": _matmul}
_OTHERS: dict[str, Handler] = {
    "Concat": _concat,
    "Transpose": _transpose,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(_ONE_BY_ONE, _same),
    **dict.fromkeys(_TWO_SIDED, _two_sided),
    **dict.fromkeys(_POOLS, _pool),
    **dict.fromkeys(_NORMS, _norm),
    **dict.fromkeys(_REDUCTIONS, _reduce),
}


def _handler(operator: str) -> Handler | None:
    return _OTHERS.get(operator)
