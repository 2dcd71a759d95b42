"""Look at a model without running it: graph, inputs, cost per layer, memory, and what may go wrong later."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize import graph_shape, model_file
from edgeyard.optimize.inspection.graph_findings import dynamic_axes, graph_findings, is_quantized
from edgeyard.optimize.inspection.layer_rows import layer_table
from edgeyard.optimize.inspection.weight_findings import weight_findings
from edgeyard.optimize.summary import Finding, ModelSummary

if TYPE_CHECKING:
    import onnx

MAX_LAYER_ROWS = 5000
PREPROCESSING_KEY = "edgeyard.preprocessing"


def inspect_model(path: Path) -> ModelSummary:
    """Read the model at `path` and sum it up. Multiply-adds are of one sample, by the formulas of `cost`.

    Call it in a worker: it runs ONNX's native shape inference on a stranger's graph.

    Raises:
        UserError: as `model_file.read_model`; or it has no or several inputs, no batch axis, a tensor over 1 GiB, or
            NaN weights.
    """
    model = model_file.read_model(path)
    data = path.read_bytes()
    inputs = graph_shape.contracts(graph_shape.free_inputs(model))
    outputs = graph_shape.contracts(model.graph.output)
    graph_shape.refuse_inputs(inputs)
    if not outputs:
        raise UserError("The model has no output.", "Export it with the class scores as its output.")
    findings = weight_findings(model)
    single = graph_shape.at_batch_one(graph_shape.inlined(model))
    graph_shape.refuse_convolutions(single)
    shapes = graph_shape.known_shapes(single)
    graph_shape.refuse_shapes(shapes)
    table = layer_table(single, shapes)
    operators = Counter(node.op_type for node in model_file.all_nodes(model))
    findings += graph_findings(single, operators, table, inputs, outputs)
    preprocessing = _declared_preprocessing(model, findings)
    rows = table.rows
    peak = max(rows, key=lambda row: row.live_bytes)
    return ModelSummary(
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        ir_version=model.ir_version,
        opset=model_file.opset_of(model),
        producer=f"{model.producer_name} {model.producer_version}".strip()[:100],
        inputs=inputs,
        outputs=outputs,
        parameters=sum(row.parameters for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        operators=dict(operators.most_common()),
        layers=rows[:MAX_LAYER_ROWS],
        dynamic_axes=dynamic_axes((*inputs, *outputs)),
        largest_tensor_bytes=table.largest_bytes,
        already_quantized=is_quantized(operators),
        preprocessing=preprocessing,
        risks=tuple(finding.text for finding in findings if finding.severity != "info"),
        weight_bytes=sum(row.weight_bytes for row in rows),
        moved_bytes=sum(row.moved_bytes for row in rows),
        peak_activation_bytes=peak.live_bytes,
        peak_layer=peak.name,
        findings=tuple(findings),
    )


def _declared_preprocessing(model: onnx.ModelProto, findings: list[Finding]) -> Preprocessing | None:
    for entry in model.metadata_props:
        if entry.key == PREPROCESSING_KEY:
            try:
                return read_preprocessing(entry.value.encode())
            except UserError as error:
                text = f"The preprocessing declared in the file is not used. {error.what}"
                findings.append(Finding("bad-preprocessing", "warning", text))
    return None
