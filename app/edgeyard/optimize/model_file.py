"""Read an ONNX file that a stranger made, or say in words why not.

Everything that can be told from the bytes is told before native code sees them; ONNX's own checker comes last, since
onnxruntime loads, and dies of, models that the checker refuses. Call this in a worker: the checker is native code too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, Message

from edgeyard.domain.error import UserError
from edgeyard.optimize import graph_shape
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES

if TYPE_CHECKING:
    import onnx

MAX_MODEL_BYTES = MAX_ARTIFACT_BYTES - 1
"""A protobuf message cannot be larger either."""
MIN_OPSET, MAX_OPSET = 7, 21
"""What onnxruntime runs in every release that an agent may have: 1.20, the oldest, knows opset 21."""
MAX_NODES = 100_000
MAX_FUNCTION_DEPTH = 16
STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")

_TERM = r"[A-Za-z]{0,100}(?:\.\.\.[A-Za-z]{0,100})?"
_EQUATION = re.compile(rf"{_TERM}(?:,{_TERM}){{0,100}}(?:->{_TERM})?")
_EXPORT_AGAIN = "Export it again from the training framework"
_OTHER_FORMATS = (
    (0, b"PK\x03\x04", "a zip archive (PyTorch checkpoints and Keras files are)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"\x89HDF", "an HDF5 file (older Keras models are)"),
    (0, b"\x80\x02", "a Python pickle"),
    (0, b"\x80\x04", "a Python pickle"),
    (0, b"ORTM", "a model in ONNX Runtime's own ORT format"),
    (4, b"ORTM", "a model in ONNX Runtime's own ORT format"),
)


def read_model(path: Path) -> onnx.ModelProto:
    """Read and check the model at `path`.

    Raises:
        UserError: it is no ONNX file, too large, refers to other files, uses operators outside the ONNX standard or an
            opset outside 7 to 21, nests functions too deep, has an Einsum equation that is none, or ONNX's checker
            refuses it.
    """
    model = parse_model(read_bytes(path))
    _refuse_unreadable_text(model)
    _refuse_external_data(model)
    _refuse_wrong_lengths(model)
    _refuse_functions_that_explode(model)
    _refuse_custom_operators(model)
    _refuse_opset(opset_of(model))
    _refuse_equations(model)
    _run_checker(model)
    return model


def read_bytes(path: Path) -> bytes:
    """The file's bytes; `UserError` when it cannot be read, is no regular file, is empty or too large."""
    try:
        if not path.is_file():
            raise UserError(f"There is no file {path}.", "Choose a .onnx file.")
        size_bytes = path.stat().st_size
        if size_bytes > MAX_MODEL_BYTES:
            raise UserError(
                f"{path.name} is too large ({size_bytes / (1 << 30):.1f} GiB; at most 2 GiB can be one ONNX file).",
                "Use a smaller model: devices would have no room for it.",
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}).", "Check the file's permissions.") from error


def parse_model(data: bytes) -> onnx.ModelProto:
    """Parse the bytes; `UserError` when they are no ONNX model."""
    import onnx

    for offset, magic, what in _OTHER_FORMATS:
        if data[offset : offset + len(magic)] == magic:
            raise UserError(f"This is not an ONNX file, but {what}.", "Convert or export the model to ONNX first.")
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise UserError(
            "This is not an ONNX file, or it was cut short.", "Choose a .onnx file, or copy it again."
        ) from error
    if not model.ir_version or not model.graph.node:
        raise UserError("This is not an ONNX file: there is no graph in it.", "Choose a .onnx file.")
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operator set; 0 when the file names none."""
    return max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=0)


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of subgraphs and local functions included."""
    yield from nodes_below(model.graph.node)
    for function in model.functions:
        yield from nodes_below(function.node)


def nodes_below(nodes: object) -> Iterator[onnx.NodeProto]:
    """The nodes and those of their subgraphs. protobuf itself bounds the nesting at 100 when it parses."""
    for node in nodes:  # type: ignore[attr-defined]  # protobuf's repeated fields have no public type
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from nodes_below(graph.node)


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor stored in the file: weights, constants, attributes, those of subgraphs and functions included."""
    yield from _tensors_of_graph(model.graph)
    for node in all_nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of_graph(graph)


def _tensors_of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _refuse_unreadable_text(message: Message) -> None:
    """protobuf hands out bytes where text is no UTF-8; nothing further on expects that."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if any(isinstance(text, bytes) for text in ([value] if isinstance(value, str | bytes) else value)):
                raise UserError(
                    "The model holds names that are no text (UTF-8): the file is damaged.", f"{_EXPORT_AGAIN}."
                )
        elif field.type == field.TYPE_MESSAGE:
            for inner in [value] if isinstance(value, Message) else value:
                _refuse_unreadable_text(inner)


def _refuse_external_data(model: onnx.ModelProto) -> None:
    for tensor in all_tensors(model):
        if tensor.data_location or tensor.external_data:
            raise UserError(
                f"The model keeps weights in other files ({tensor.name or 'unnamed'} is external data).",
                "Save it as one file: onnx.save(onnx.load('model.onnx'), 'one.onnx', save_as_external_data=False).",
            )


def _refuse_wrong_lengths(model: onnx.ModelProto) -> None:
    from onnx import TensorProto

    for tensor in all_tensors(model):
        if any(size < 0 for size in tensor.dims):
            raise UserError(f"The tensor {tensor.name} has a negative size.", f"{_EXPORT_AGAIN}.")
        if not tensor.HasField("raw_data") or tensor.data_type in {TensorProto.UNDEFINED, TensorProto.STRING}:
            continue
        try:
            bits = int(graph_shape.item_bytes(tensor.data_type) * 8)
        except (KeyError, ValueError, TypeError):
            continue  # the checker refuses element types that it does not know
        if len(tensor.raw_data) != (prod(tensor.dims) * bits + 7) // 8:
            raise UserError(
                f"The tensor {tensor.name} says it has {prod(tensor.dims)} values, but the file does not hold them.",
                f"The file is damaged. {_EXPORT_AGAIN}.",
            )


def _refuse_functions_that_explode(model: onnx.ModelProto) -> None:
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: object, depth: int) -> int:
        if depth > MAX_FUNCTION_DEPTH:
            raise UserError(
                f"The model's functions call each other more than {MAX_FUNCTION_DEPTH} deep.",
                f"{_EXPORT_AGAIN} with its functions inlined.",
            )
        total = 0
        for node in nodes_below(nodes):
            key = (node.domain, node.op_type)
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key], depth + 1)
            total += sizes.get(key, 1)
        return total

    if size(model.graph.node, 0) > MAX_NODES:
        raise UserError(
            f"The model unfolds to more than {MAX_NODES:,} operators.", "Use a smaller model: no device would run it."
        )


def _refuse_custom_operators(model: onnx.ModelProto) -> None:
    functions = {(function.domain, function.name) for function in model.functions}
    custom = {
        f"{node.domain}.{node.op_type}"
        for node in all_nodes(model)
        if node.domain not in STANDARD_DOMAINS and (node.domain, node.op_type) not in functions
    }
    if not custom:
        return
    names = ", ".join(sorted(custom)[:3]) + (f" and {len(custom) - 3} more" if len(custom) > 3 else "")
    todo = f"{_EXPORT_AGAIN} with operators of the ONNX standard only."
    if any(name.startswith("com.microsoft") for name in custom):
        todo = "ONNX Runtime's optimizer made them: use the file from before it, as exported from training."
    raise UserError(f"The model uses operators that are not in the ONNX standard: {names}.", todo)


def _refuse_opset(opset: int) -> None:
    if not MIN_OPSET <= opset <= MAX_OPSET:
        said = f"opset {opset}" if opset else "no opset"
        raise UserError(
            f"The model uses {said}; devices run opset {MIN_OPSET} to {MAX_OPSET}.",
            f"{_EXPORT_AGAIN} with opset 17 to {MAX_OPSET}, or convert it with onnx.version_converter.",
        )


def _refuse_equations(model: onnx.ModelProto) -> None:
    """ONNX's shape inference never returns from an equation with two ellipses in one term."""
    for node in all_nodes(model):
        for attribute in node.attribute if node.op_type == "Einsum" else ():
            equation = attribute.s.decode("utf-8", "replace").replace(" ", "")
            if attribute.name == "equation" and not _EQUATION.fullmatch(equation):
                raise UserError(
                    f"The Einsum operator {node.name[:80] or node.op_type} has the equation {equation[:80]!r}, which is"
                    " none.",
                    f"{_EXPORT_AGAIN}.",
                )


def _run_checker(model: onnx.ModelProto) -> None:
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0][:300].rstrip(" .") if lines else "no reason given"
        raise UserError(
            f"The ONNX checker refuses the model: {reason}.",
            f"The file is damaged or was made by hand. {_EXPORT_AGAIN}.",
        ) from error
