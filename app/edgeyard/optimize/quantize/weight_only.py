"""Smaller weights, floating-point activations: half floats, 8 or 4 bits with a scale per block of a row.

Two ways to use them. *Unpacked*: Cast and Mul make floats of them again, which onnxruntime does once when it loads the
model; the file is smaller and everything else stays. *In blocks*: onnxruntime's MatMulNBits (domain com.microsoft)
multiplies with the small weights themselves, which spares memory and its bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, layers, matrix_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

if TYPE_CHECKING:
    import onnx

BITS = {"fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
_SHARES = np.linspace(0.7, 1.0, 31)
_SMALLEST_SCALE = 1e-10
_INT8_ARITHMETIC = 4
"""`accuracy_level` of MatMulNBits: rows of inputs are rounded to int8 too, as its fast kernels want."""
MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True)
class WeightForm:
    """`type` is a key of `BITS`; `block` weights of a row share a scale; smaller layers than `min_weights` stay."""

    type: str
    block: int = 32
    min_weights: int = 1024
    in_blocks: bool = False


@dataclass(frozen=True, slots=True)
class Shrunk:
    """One layer that has smaller weights now, and how far they are from what they were, in decibels."""

    name: str
    operator: str
    sqnr_db: float


def shrink_weights(graph: OnnxGraph, form: WeightForm) -> list[Shrunk]:
    """Replace the weights of all layers that are large enough, in `graph` itself. int4 asks for opset 21 unpacked."""
    done = []
    for layer in layers(graph):
        weight = weight_of(graph, layer)
        if weight.size < form.min_weights:
            continue
        if form.type in {"fp16", "bf16"}:
            noise_db = _half(graph, layer, weight, form.type)
        elif form.in_blocks and layer.operator in {"MatMul", "Gemm"} and weight.ndim == 2:
            noise_db = _multiply_in_blocks(graph, layer, form)
        else:
            noise_db = _unpacked(graph, layer, weight, form)
        done.append(Shrunk(layer.name, layer.operator, noise_db))
    graph.index()
    return done


def quantize_blocks(rows: NDArray[np.float32], block: int, bits: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers of R×C, C a multiple of `block`, and scales R×(C ÷ block), symmetric about zero.

    Each block takes the scale, of 31 between 0.7 and 1 × the one that holds its largest weight, with the least squared
    error (R. Banner et al., "Post training 4-bit quantization of convolutional networks", NeurIPS 2019).
    """
    limit = (1 << (bits - 1)) - 1
    blocks = rows.reshape(len(rows), -1, block).astype(np.float64)
    widest = np.maximum(np.abs(blocks).max(axis=2) / limit, _SMALLEST_SCALE)
    best, least = widest, np.full(widest.shape, np.inf)
    for share in _SHARES:
        scales = (widest * share).astype(np.float32).astype(np.float64)  # as they are stored
        steps = np.clip(np.rint(blocks / scales[..., None]), -limit, limit)
        error = np.square(steps * scales[..., None] - blocks).sum(axis=2)
        best, least = np.where(error < least, scales, best), np.minimum(error, least)
    scales = best.astype(np.float32)
    steps = np.clip(np.rint(blocks / scales[..., None]), -limit, limit)
    return steps.reshape(rows.shape).astype(np.int8), scales


def _half(graph: OnnxGraph, layer: Layer, weight: NDArray[np.float32], type_name: str) -> float:
    import ml_dtypes

    # Where 16 bits hold no such large number the largest is taken.
    small = weight.astype(ml_dtypes.bfloat16) if type_name == "bf16" else np.clip(weight, -65504, 65504).astype("f2")
    name = graph.new_name(f"{layer.node.input[1]}_{type_name}")
    graph.store(name, small)
    _make_floats(graph, layer, [("Cast", [name], {"to": 1})])
    return _sqnr_db(weight, small.astype(np.float32))


def _unpacked(graph: OnnxGraph, layer: Layer, weight: NDArray[np.float32], form: WeightForm) -> float:
    bits = BITS[form.type]
    rows_first = layer.operator in {"Conv", "ConvTranspose"} or bool(attribute(layer.node, "transB", 0))
    rows = weight.reshape(len(weight), -1) if rows_first else weight.reshape(-1, weight.shape[-1]).T
    block = form.block if rows.shape[1] % form.block == 0 else rows.shape[1]
    steps, scales = quantize_blocks(rows, block, bits)
    real = (steps.reshape(len(rows), -1, block) * scales[..., None]).reshape(rows.shape)
    name = graph.new_name(f"{layer.node.input[1]}_{form.type}")
    if rows_first:
        stored, scales = steps.reshape(len(rows), -1, block), scales[..., None]
    else:
        # The rows of such a weight lie along its last axis.
        stored, scales = steps.T.reshape(-1, block, len(rows)), scales.T[:, None, :]
    _store_integers(graph, name, np.ascontiguousarray(stored), bits)
    graph.store(f"{name}_scale", scales.astype(np.float32))
    graph.store(f"{name}_shape", np.array(weight.shape, np.int64))
    steps_back: list[tuple[str, list[str], dict[str, Any]]] = [
        ("Cast", [name], {"to": 1}),
        ("Mul", ["", f"{name}_scale"], {}),
        ("Reshape", ["", f"{name}_shape"], {}),
    ]
    _make_floats(graph, layer, steps_back)
    return _sqnr_db(rows, real)


def _make_floats(graph: OnnxGraph, layer: Layer, steps: list[tuple[str, list[str], dict[str, Any]]]) -> None:
    """Insert the steps before the layer, each reading what the one before gave where its input has no name."""
    from onnx import helper

    place = graph.nodes.index(layer.node)
    before = ""
    for operator, inputs, attributes in steps:
        source = [name or before for name in inputs]
        before = graph.new_name(f"{layer.output}_weight_{operator}")
        graph.nodes.insert(place, helper.make_node(operator, source, [before], before, **attributes))
        place += 1
    layer.node.input[1] = before
    graph.index()


def _multiply_in_blocks(graph: OnnxGraph, layer: Layer, form: WeightForm) -> float:
    from onnx import helper

    bits = BITS[form.type]
    rows = np.ascontiguousarray(matrix_of(graph, layer).T)
    outputs, features = rows.shape
    padded = np.pad(rows, ((0, 0), (0, -features % form.block)))
    steps, scales = quantize_blocks(padded, form.block, bits)
    shifted = steps.astype(np.int16) + (1 << (bits - 1))
    packed: NDArray[Any] = shifted.astype(np.uint8).reshape(outputs, -1, form.block)
    if bits == 4:
        packed = packed[..., 0::2] | (packed[..., 1::2] << 4)
    name = graph.new_name(f"{layer.node.input[1]}_{form.type}")
    graph.store(name, packed)
    graph.store(f"{name}_scale", scales.reshape(-1))
    bias = layer.node.input[2] if layer.operator == "Gemm" and len(layer.node.input) > 2 else ""
    out = graph.new_name(f"{layer.node.output[0]}_product") if bias else layer.node.output[0]
    made = [
        helper.make_node(
            "MatMulNBits",
            [layer.input, name, f"{name}_scale"],
            [out],
            layer.name,
            domain=MICROSOFT,
            K=features,
            N=outputs,
            bits=bits,
            block_size=form.block,
            accuracy_level=_INT8_ARITHMETIC,
        )
    ]
    if bias:
        made.append(helper.make_node("Add", [out, bias], [layer.node.output[0]], f"{layer.name}_bias"))
    place = graph.nodes.index(layer.node)
    graph.nodes[place : place + 1] = made
    graph.index()
    real = (steps.reshape(outputs, -1, form.block) * scales[..., None]).reshape(padded.shape)
    return _sqnr_db(padded, real)


def _store_integers(graph: OnnxGraph, name: str, steps: NDArray[np.int8], bits: int) -> None:
    import ml_dtypes

    graph.store(name, steps.astype(ml_dtypes.int4) if bits == 4 else steps)


def _sqnr_db(weight: NDArray[np.float32], real: NDArray[np.float32]) -> float:
    from edgeyard.optimize.quantize.layer_noise import decibels

    exact = weight.astype(np.float64)
    return decibels(float(np.square(exact).sum()), float(np.square(exact - real).sum()))


def with_microsoft(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, naming the domain of onnxruntime's own operators if it has any."""
    from onnx import helper

    if any(node.domain == MICROSOFT for node in model.graph.node):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model
