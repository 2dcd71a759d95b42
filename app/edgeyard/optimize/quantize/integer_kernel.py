"""How each unit is said in onnxruntime's integer operators (its `docs/ContribOperators.md`, domain com.microsoft)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeyard.optimize.graph.onnx_graph import attribute
from edgeyard.optimize.quantize.integer_writer import MICROSOFT, TO_FIRST, TO_LAST, IntegerWriter
from edgeyard.optimize.quantize.unit import Unit
from edgeyard.optimize.quantize.weight import quantize_bias

if TYPE_CHECKING:
    import onnx

Kernel = Callable[[IntegerWriter, Unit, "onnx.NodeProto"], None]
_LAST_AXIS = {0: 0, 1: 3, 2: 1, 3: 2, -4: 0, -3: 3, -2: 1, -1: 2}


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: attribute(node, each.name, None) for each in node.attribute}


def _weights(writer: IntegerWriter, unit: Unit, *, transpose: bool = False) -> tuple[list[str], str]:
    """Names of values, scale and zero point, and of the bias in the units of the products (empty without)."""
    weight, bias = writer.scheme.weights[unit.output], writer.scheme.biases[unit.output]
    name = f"{unit.output}{writer.mark}weight"
    scales = np.asarray(weight.scales if weight.scales.size > 1 else weight.scales[0], np.float32)
    names = [
        writer.store(name, weight.values.T if transpose else weight.values),
        writer.store(f"{name}_scale", scales),
        writer.store(f"{name}_zero", np.zeros(scales.shape, np.int8)),
    ]
    if bias is None:
        return names, ""
    product = writer.scheme.affines[unit.inputs[0]].scale * weight.scales.astype(np.float64)
    return names, writer.store(f"{unit.output}{writer.mark}bias", quantize_bias(bias, product))


def _conv(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    image = writer.is_image(unit.inputs[0])
    weights, bias = _weights(writer, unit)
    x = writer.integers(unit.inputs[0], image)
    inputs = [x, *writer.grid(unit.inputs[0]), *weights, *writer.grid(unit.output)] + ([bias] if bias else [])
    extra: dict[str, Any] = {"domain": MICROSOFT, "channels_last": 1} if image else {}
    writer.add("QLinearConv", inputs, writer.make(unit.output, image), **extra, **_attributes(node))


def _gemm(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    weights, bias = _weights(writer, unit, transpose=bool(attribute(node, "transB", 0)))
    inputs = [writer.plain(unit.inputs[0]), *writer.grid(unit.inputs[0]), *weights, bias]
    if unit.output in writer.scheme.placement.floats:
        writer.add("QGemm", inputs, unit.output, MICROSOFT)
    else:
        writer.add("QGemm", [*inputs, *writer.grid(unit.output)], writer.make(unit.output, False), MICROSOFT)


def _matmul(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    weights, _ = _weights(writer, unit)
    x, grid = writer.plain(unit.inputs[0]), writer.grid(unit.inputs[0])
    if unit.output in writer.scheme.placement.floats:
        inputs = [x, weights[0], grid[0], weights[1], grid[1], weights[2]]
        writer.add("MatMulIntegerToFloat", inputs, node.output[0], MICROSOFT)
    else:
        writer.add("QLinearMatMul", [x, *grid, *weights, *writer.grid(unit.output)], writer.make(unit.output, False))


def _two_sided(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    images = all(writer.is_image(name) for name in unit.inputs)
    inputs = []
    for name in unit.inputs:
        inputs += [writer.integers(name, images), *writer.grid(name)]
    out = writer.make(unit.output, images)
    writer.add(f"QLinear{node.op_type}", [*inputs, *writer.grid(unit.output)], out, MICROSOFT)


def _pool(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    image = writer.is_image(unit.inputs[0])
    inputs = [writer.integers(unit.inputs[0], image), *writer.grid(unit.inputs[0]), *writer.grid(unit.output)]
    out = writer.make(unit.output, image)
    attributes = _attributes(node) | {"channels_last": int(image)}
    writer.add(f"QLinear{node.op_type}", inputs, out, MICROSOFT, **attributes)


def _table(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    last = writer.has_last(unit.inputs[0])
    inputs = [writer.integers(unit.inputs[0], last), *writer.grid(unit.inputs[0]), *writer.grid(unit.output)]
    writer.add(f"QLinear{node.op_type}", inputs, writer.make(unit.output, last), MICROSOFT, **_attributes(node))


def _concat(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    images = all(writer.is_image(name) for name in unit.inputs)
    inputs = writer.grid(unit.output)
    for name in unit.inputs:
        inputs += [writer.integers(name, images), *writer.grid(name)]
    axis = int(attribute(node, "axis", 0))
    out = writer.make(unit.output, images)
    writer.add("QLinearConcat", inputs, out, MICROSOFT, axis=_LAST_AXIS[axis] if images else axis)


def _max_pool(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    attributes = {name: value for name, value in _attributes(node).items() if name != "storage_order"}
    if writer.is_image(unit.inputs[0]):
        x = writer.last(unit.inputs[0])
        writer.add("NhwcMaxPool", [x], writer.make(unit.output, True), MICROSOFT, **attributes)
    else:
        writer.add("MaxPool", [writer.plain(unit.inputs[0])], writer.make(unit.output, False), **attributes)


def _reshape(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    shape = writer.shapes.get(unit.inputs[0], ())
    # One pixel: the order of the axes makes no difference.
    same = writer.has_last(unit.inputs[0]) and tuple(shape[2:]) == (1, 1) and node.op_type in {"Reshape", "Flatten"}
    _as_it_is(writer, unit, node, writer.integers(unit.inputs[0], same), writer.make(unit.output, False))


def _transpose(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    order = tuple(attribute(node, "perm", ()))
    if order == TO_LAST and writer.has_last(unit.inputs[0]):
        writer.alias(unit.output, writer.last(unit.inputs[0]), False)
    elif order == TO_FIRST:
        writer.alias(unit.output, writer.plain(unit.inputs[0]), True)
    else:
        _as_it_is(writer, unit, node, writer.plain(unit.inputs[0]), writer.make(unit.output, False))


def _carry(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    _as_it_is(writer, unit, node, writer.plain(unit.inputs[0]), writer.make(unit.output, False))


def _pad(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto) -> None:
    zero = writer.grid(unit.inputs[0])[1]
    while len(node.input) < 3:
        node.input.append("")
    node.input[2] = zero
    _carry(writer, unit, node)


def _as_it_is(writer: IntegerWriter, unit: Unit, node: onnx.NodeProto, source: str, out: str) -> None:
    node.input[0] = source
    node.output[0] = out
    writer.nodes.append(node)


KERNELS: dict[str, Kernel] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _two_sided,
    "Mul": _two_sided,
    "AveragePool": _pool,
    "GlobalAveragePool": _pool,
    "Sigmoid": _table,
    "LeakyRelu": _table,
    "Concat": _concat,
    "MaxPool": _max_pool,
    "Transpose": _transpose,
    "Pad": _pad,
    **dict.fromkeys(("Reshape", "Flatten"), _reshape),
    **dict.fromkeys(("Squeeze", "Unsqueeze", "Identity", "Slice", "DepthToSpace", "Dropout"), _carry),
}
"""By operator, for all that `unit` knows."""
