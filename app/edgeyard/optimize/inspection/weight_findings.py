"""What the stored numbers say: broken training, channels that do nothing, ranges that 8 bits cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize import model_file
from edgeyard.optimize.summary import Finding

if TYPE_CHECKING:
    import onnx

WIDE_RATIO = 100.0
"""Channels of one layer whose largest weights differ by more than this share one scale badly."""
_HALF_LARGEST = 65504.0
_MANY_TINY = 1000
_NAMED = 3
_NAME_CHARACTERS = 48
_CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1}


def weight_findings(model: onnx.ModelProto) -> list[Finding]:
    """Look at every stored weight once.

    Raises:
        UserError: weights are NaN, or a tensor cannot be read.
    """
    infinite, huge, double, tiny = [], [], [], 0
    for tensor, values in _floating(model):
        if np.isnan(values).any():
            raise UserError(
                f"The weights {tensor.name} hold values that are no numbers (NaN): the training diverged.",
                "Train again from an earlier checkpoint, and export that.",
            )
        if np.isinf(values).any():
            infinite.append(tensor.name)
        elif values.size and float(np.abs(values).max()) > _HALF_LARGEST:
            huge.append(tensor.name)
        if values.dtype == np.float64 and values.size > 1:
            double.append(tensor.name)
        elif values.dtype == np.float32:
            tiny += int(((values != 0) & (np.abs(values) < np.finfo(np.float32).tiny)).sum())
    found = []
    if infinite:
        text = f"Infinite values in {_some(infinite)}: 16-bit and 8-bit forms may not hold them."
        found.append(Finding("infinite-weights", "warning", text, tuple(infinite[:_NAMED])))
    if huge:
        text = f"Weights above {_HALF_LARGEST:.0f} in {_some(huge)}: 16-bit floats cannot hold them."
        found.append(Finding("huge-weights", "warning", text, tuple(huge[:_NAMED])))
    if double:
        text = f"64-bit weights in {_some(double)}: twice the memory, and slow on every device. Export in float32."
        found.append(Finding("double-weights", "warning", text, tuple(double[:_NAMED])))
    if tiny > _MANY_TINY:
        text = f"{tiny:,} weights are too small for normal numbers, which slows processors down; set them to 0."
        found.append(Finding("subnormal-weights", "info", text))
    return [*found, *_channel_findings(model)]


def _floating(model: onnx.ModelProto) -> Iterator[tuple[onnx.TensorProto, NDArray[Any]]]:
    from onnx import TensorProto, numpy_helper

    floating = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    for tensor in model_file.all_tensors(model):
        if tensor.data_type not in floating:
            continue
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"The tensor {tensor.name} cannot be read ({error}).", "The file is damaged: export the model again."
            ) from error
        # bfloat16 and its kin are no floats to NumPy's own functions.
        yield tensor, values if values.dtype.kind == "f" else values.astype(np.float32)


def _channel_findings(model: onnx.ModelProto) -> list[Finding]:
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    dead: dict[str, tuple[int, int]] = {}
    wide: dict[str, float] = {}
    for index, node in enumerate(model.graph.node):
        if len(node.input) < 2 or node.input[1] not in stored or node.op_type not in {*_CHANNEL_AXIS, "Gemm"}:
            continue
        weight = numpy_helper.to_array(stored[node.input[1]])
        if weight.ndim < 2 or weight.dtype.kind != "f" or not np.isfinite(weight).all() or not weight.size:
            continue
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        axis = _CHANNEL_AXIS.get(node.op_type, 0 if transposed else 1)
        largest = np.abs(weight).max(axis=tuple(other for other in range(weight.ndim) if other != axis))
        name = node.name or f"{node.op_type}-{index}"
        zeros = int((largest == 0).sum())
        if zeros == largest.size:
            continue  # weights of nothing but zeros are made up, not trained
        if zeros:
            dead[short_name(name)] = (zeros, largest.size)
        alive = largest[largest > 0]
        if node.op_type == "Conv" and alive.max() / np.median(alive) > WIDE_RATIO:
            wide[short_name(name)] = float(alive.max() / np.median(alive))
    found = []
    if dead:
        total = sum(count for count, _ in dead.values())
        shown = [f"{name} ({count} of {size})" for name, (count, size) in dead.items()]
        text = f"{total} output channels have weights of zero only: {_some(shown)}. Pruning removes them for nothing."
        found.append(Finding("dead-channels", "warning", text, tuple(dead)[:_NAMED]))
    if wide:
        shown = [f"{name} ({ratio:.0f}×)" for name, ratio in wide.items()]
        text = f"Channels of one layer differ widely in range: {_some(shown)}. int8 needs one scale per channel there."
        found.append(Finding("wide-ranges", "info", text, tuple(wide)[:_NAMED]))
    return found


def short_name(name: str) -> str:
    """A node's name as it is shown in a sentence: converters join many into one."""
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
