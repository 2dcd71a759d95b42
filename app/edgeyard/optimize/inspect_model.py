"""Look at a model without running it: graph, inputs, cost per layer, and what may go wrong later."""

from __future__ import annotations

import hashlib
from collections import Counter
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize import graph_shape, model_file
from edgeyard.optimize.cost import multiply_adds
from edgeyard.optimize.graph_shape import Shape
from edgeyard.optimize.summary import LayerRow, ModelSummary

if TYPE_CHECKING:
    import onnx

MAX_LAYER_ROWS = 5000
OLDEST_RUNTIME_IR = 10
"""What onnxruntime 1.20 reads."""
MIN_QUANTIZABLE_OPSET = 13
"""QuantizeLinear takes one scale per channel since opset 13."""
PREPROCESSING_KEY = "edgeyard.preprocessing"

_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
_BRANCHES = ("If", "Loop", "Scan")
_NOT_WEIGHTS = ("int64", "int32", "bool", "string")
"""Element types of shapes and indices; integers of weights are 8 bits or fewer."""


def inspect_model(path: Path) -> ModelSummary:
    """Read the model at `path` and sum it up. Multiply-adds are of one sample, by the formulas of `cost`.

    Call it in a worker: it runs ONNX's native shape inference on a stranger's graph.

    Raises:
        UserError: as `model_file.read_model`; or it has no or several inputs, no batch axis, a tensor over 1 GiB, or
            NaN weights.
    """
    model = model_file.read_model(path)
    data = path.read_bytes()
    risks: list[str] = []
    inputs = graph_shape.contracts(graph_shape.free_inputs(model))
    outputs = graph_shape.contracts(model.graph.output)
    graph_shape.refuse_inputs(inputs)
    if not outputs:
        raise UserError("The model has no output.", "Export it with the class scores as its output.")
    _refuse_weights(model, risks)
    single = graph_shape.at_batch_one(graph_shape.inlined(model))
    shapes = graph_shape.known_shapes(single)
    graph_shape.refuse_shapes(shapes)
    operators = Counter(node.op_type for node in model_file.all_nodes(model))
    layers, unknown = _layers(single, {name: shape for name, (shape, _) in shapes.items()})
    opset = model_file.opset_of(model)
    quantized = any(name in _QUANTIZED or name.startswith("QLinear") for name in operators)
    dynamic_axes = tuple(
        f"{tensor.name}[{axis}]"
        for tensor in (*inputs, *outputs)
        for axis, size in enumerate(tensor.shape)
        if size is None and axis > 0
    )
    risks += _graph_risks(model, operators, unknown, quantized)
    if inputs[0].element_type != "float32":
        risks.append(
            f"The input takes {inputs[0].element_type}; samples are prepared as float32, so it cannot be optimized."
        )
    if dynamic_axes:
        risks.append(
            f"Free axes besides the batch ({', '.join(dynamic_axes[:5])}): cost is counted where shapes are known."
        )
    if len(outputs) > 1:
        risks.append(f"Of {len(outputs)} outputs only the first, {outputs[0].name}, is evaluated.")
    return ModelSummary(
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        ir_version=model.ir_version,
        opset=opset,
        producer=f"{model.producer_name} {model.producer_version}".strip()[:100],
        inputs=inputs,
        outputs=outputs,
        parameters=sum(layer.parameters for layer in layers),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        operators=dict(operators.most_common()),
        layers=tuple(layers[:MAX_LAYER_ROWS]),
        dynamic_axes=dynamic_axes,
        largest_tensor_bytes=max((graph_shape.tensor_bytes(*sized) for sized in shapes.values()), default=0),
        already_quantized=quantized,
        preprocessing=_declared_preprocessing(model, risks),
        risks=tuple(risks),
    )


def _refuse_weights(model: onnx.ModelProto, risks: list[str]) -> None:
    import numpy as np
    from onnx import TensorProto, numpy_helper

    floating = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    infinite = []
    for tensor in model_file.all_tensors(model):
        if tensor.data_type not in floating:
            continue
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"The tensor {tensor.name} cannot be read ({error}).", "The file is damaged: export the model again."
            ) from error
        if np.isnan(values).any():
            raise UserError(
                f"The weights {tensor.name} hold values that are no numbers (NaN): the training diverged.",
                "Train again from an earlier checkpoint, and export that.",
            )
        if np.isinf(values).any():
            infinite.append(tensor.name)
    if infinite:
        risks.append(f"Infinite values in {', '.join(infinite[:3])}: 16-bit and 8-bit forms may not hold them.")


def _layers(model: onnx.ModelProto, shapes: dict[str, Shape]) -> tuple[list[LayerRow], list[str]]:
    """A row per node of the main graph, and the names of nodes whose cost could not be counted."""
    weights = {
        tensor.name: int(prod(tensor.dims))
        for tensor in model.graph.initializer
        if graph_shape.type_name(tensor.data_type) not in _NOT_WEIGHTS
    }
    known = {name: _complete(shape) for name, shape in shapes.items()}
    rows, unknown = [], []
    for index, node in enumerate(model.graph.node):
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        inputs, outputs = ([known.get(name) for name in names] for names in (node.input, node.output))
        cost = multiply_adds(node.op_type, inputs, outputs, attributes)
        # A weight that several nodes share is counted where it is used first.
        parameters = sum(weights.pop(name, 0) for name in node.input)
        if node.op_type == "Constant":
            parameters = sum(prod(a.t.dims) for a in node.attribute if a.name == "value" and len(a.t.dims) > 1)
        name = node.name or f"{node.op_type}-{index}"
        if cost is None:
            unknown.append(name)
        shape = shapes.get(node.output[0], ()) if node.output else ()
        rows.append(LayerRow(name, node.op_type, parameters, cost or 0, shape))
    return rows, unknown


def _complete(shape: Shape) -> tuple[int, ...] | None:
    known = tuple(size for size in shape if size is not None)
    return known if len(known) == len(shape) else None


def _graph_risks(model: onnx.ModelProto, operators: Counter[str], unknown: list[str], quantized: bool) -> list[str]:
    risks = []
    if model.ir_version > OLDEST_RUNTIME_IR:
        risks.append(f"IR version {model.ir_version}: onnxruntime 1.20 on a device reads up to {OLDEST_RUNTIME_IR}.")
    if model_file.opset_of(model) < MIN_QUANTIZABLE_OPSET:
        risks.append(f"Opset below {MIN_QUANTIZABLE_OPSET}: int8 per channel is not possible. Export with 17.")
    if quantized:
        risks.append("It is quantized already: int8 variants are not made of it again.")
    if any(name in operators for name in _BRANCHES):
        risks.append("It has branches or loops: what is inside them is not counted in the multiply-adds.")
    if unknown:
        risks.append(f"The cost of {len(unknown)} operators is unknown ({', '.join(unknown[:3])}): shapes are missing.")
    return risks


def _declared_preprocessing(model: onnx.ModelProto, risks: list[str]) -> Preprocessing | None:
    for entry in model.metadata_props:
        if entry.key == PREPROCESSING_KEY:
            try:
                return read_preprocessing(entry.value.encode())
            except UserError as error:
                risks.append(f"The preprocessing declared in the file is not used. {error.what}")
    return None
