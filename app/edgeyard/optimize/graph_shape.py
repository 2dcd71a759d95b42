"""Inputs, outputs and intermediate shapes of a graph, and what of them is refused."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING

from edgeyard.domain.error import UserError
from edgeyard.domain.model import TensorContract

if TYPE_CHECKING:
    import onnx

MAX_TENSOR_BYTES = 1 << 30
MAX_NAME_CHARACTERS = 200

_PACKED_BYTES = {"INT4": 0.5, "UINT4": 0.5, "FLOAT4E2M1": 0.5, "INT2": 0.25, "UINT2": 0.25}

Shape = tuple[int | None, ...]
SizedShape = tuple[Shape, int]
"""A shape, and the bytes of one item (0 for weights, which the file's size bounds already)."""


def free_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a caller must feed: older files list weights as inputs too."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def contracts(values: Iterable[onnx.ValueInfoProto]) -> tuple[TensorContract, ...]:
    """Names, element types and shapes; `UserError` for what is no tensor, or has no name that people can read."""
    found = []
    for value in values:
        if not 0 < len(value.name) <= MAX_NAME_CHARACTERS or not value.name.isprintable():
            raise UserError(
                f"The model has an input or output with the name {value.name[:40]!r}, which cannot be shown.",
                f"Export it with printable names of at most {MAX_NAME_CHARACTERS} characters.",
            )
        if not value.type.HasField("tensor_type"):
            raise UserError(
                f"{value.name} is no tensor but a sequence, map or optional.",
                "Export the model with tensors as inputs and outputs (for scikit-learn: zipmap=False).",
            )
        shape, _ = _shape_of(value)
        found.append(TensorContract(value.name, type_name(value.type.tensor_type.elem_type), shape))
    return tuple(found)


def type_name(element_type: int) -> str:
    """The word for an ONNX element type: `float32`."""
    from onnx import helper

    return str(helper.tensor_dtype_to_np_dtype(element_type).name)


def item_bytes(element_type: int) -> float:
    """Bytes of one item of an ONNX element type as it is stored: 0.5 for those of 4 bits.

    Raises `KeyError`, `ValueError` or `TypeError` for a type that ONNX does not know.
    """
    from onnx import TensorProto, helper

    name = TensorProto.DataType.Name(element_type)
    if name in _PACKED_BYTES:
        return _PACKED_BYTES[name]
    return float(helper.tensor_dtype_to_np_dtype(element_type).itemsize)


def _shape_of(value: onnx.ValueInfoProto) -> SizedShape:
    """Shape and bytes per item."""
    from onnx import helper

    tensor = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)
    item_bytes = helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize if tensor.elem_type else 4
    return shape, item_bytes


def refuse_inputs(inputs: tuple[TensorContract, ...]) -> None:
    """Raise `UserError` unless there is exactly one input with a batch axis that is free or 1."""
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs[:5]) or "none"
        raise UserError(
            f"The model has {len(inputs)} inputs ({names}); exactly one is supported.",
            "Export it with one input tensor, the others as constants.",
        )
    shape = inputs[0].shape
    if 0 in shape[1:]:
        raise UserError(
            f"The input {inputs[0].name} has an axis of size 0, so that there is nothing to compute.",
            "Export the model with the size of its samples.",
        )
    if len(shape) < 2 or shape[0] not in {None, 1}:
        said = "×".join("?" if size is None else str(size) for size in shape) or "a single number"
        raise UserError(
            f"The input {inputs[0].name} ({said}) has no batch axis: its first axis must be free, or 1.",
            "Export the model with a dynamic first axis (torch.onnx.export: dynamic_axes={'input': {0: 'N'}}).",
        )


def refuse_convolutions(model: onnx.ModelProto) -> None:
    """Raise `UserError` for a convolution whose groups do not divide its channels, which runtimes fail or crash at."""
    dims = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in {"Conv", "ConvInteger"} or len(node.input) < 2:
            continue
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        kernel = dims.get(node.input[1], ())
        if groups < 1 or (kernel and (kernel[0] == 0 or kernel[0] % groups)):
            channels = kernel[0] if kernel else "its"
            raise UserError(
                f"The convolution {node.name[:80] or node.output[0][:80]} divides {channels} channels into {groups}"
                " groups.",
                "Export the model again from the training framework.",
            )


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its local functions unfolded (`model_file` has bounded what that makes)."""
    if not model.functions:
        return model
    from onnx import inliner

    return inliner.inline_local_functions(model)


def at_batch_one(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the batch axis set to 1 wherever its symbol occurs, and all shapes inferred again."""
    import onnx

    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]
    first = free_inputs(single)[0].type.tensor_type.shape.dim[0]
    symbol = first.dim_param
    for value in single.graph.input:
        for size in value.type.tensor_type.shape.dim:
            if symbol and size.dim_param == symbol:
                size.dim_value = 1
    first.dim_value = 1
    for value in single.graph.output:
        value.type.tensor_type.ClearField("shape")  # its own name for the batch axis would contradict the 1
    try:
        return onnx.shape_inference.infer_shapes(single, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise UserError(
            f"The shapes inside the model contradict each other: {str(error).strip()[:300]}",
            "Export the model again from the training framework.",
        ) from error


def known_shapes(model: onnx.ModelProto) -> dict[str, SizedShape]:
    """Shapes by tensor name, weights included; tensors whose rank is not known are left out."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    known = {value.name: _shape_of(value) for value in values if value.type.tensor_type.HasField("shape")}
    return known | {tensor.name: (tuple(tensor.dims), 0) for tensor in graph.initializer}


def tensor_bytes(shape: Shape, item_bytes: int) -> int:
    """Bytes of a tensor; axes that are not known count as 1."""
    return prod(size for size in shape if size is not None) * item_bytes


def refuse_shapes(shapes: dict[str, SizedShape]) -> None:
    """Raise `UserError` when one sample needs a tensor of more than 1 GiB, or a size is negative."""
    for name, (shape, item_bytes) in shapes.items():
        size_bytes = tensor_bytes(shape, item_bytes)
        if size_bytes > MAX_TENSOR_BYTES or any(size is not None and size < 0 for size in shape):
            raise UserError(
                f"One sample makes the tensor {name[:80]} of {'×'.join(map(str, shape[:8]))} values grow to"
                f" {_gibibytes(size_bytes)}; at most 1 GiB is allowed.",
                "Use a smaller input or model: no device has memory for this one.",
            )


def _gibibytes(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.1f} GiB" if abs(size_bytes) < 1 << 50 else "more than a million GiB"
