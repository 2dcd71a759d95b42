"""What the graph says: what a runtime will not take, what was left over from training, what cannot be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edgeyard.domain.model import TensorContract
from edgeyard.optimize import model_file
from edgeyard.optimize.inspection.layer_rows import LayerTable
from edgeyard.optimize.summary import Finding

if TYPE_CHECKING:
    import onnx

OLDEST_RUNTIME_IR = 10
"""What onnxruntime 1.20 reads."""
MIN_QUANTIZABLE_OPSET = 13
"""QuantizeLinear takes one scale per channel since opset 13."""

_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
_BRANCHES = ("If", "Loop", "Scan")
_RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
_PROBABILITIES = ("Softmax", "LogSoftmax", "Sigmoid", "Hardmax")
_VIEWS = ("Flatten", "Identity", "Reshape", "Squeeze", "DequantizeLinear", "QuantizeLinear", "Cast")
_MUCH_UNUSED = 1 << 16


def is_quantized(operators: Iterable[str]) -> bool:
    """Whether integers stand for real numbers in it."""
    return any(name in _QUANTIZED or name.startswith("QLinear") for name in operators)


def dynamic_axes(tensors: Iterable[TensorContract]) -> tuple[str, ...]:
    """Axes without a fixed size besides the batch, as `input[2]`."""
    return tuple(
        f"{tensor.name}[{axis}]"
        for tensor in tensors
        for axis, size in enumerate(tensor.shape)
        if size is None and axis > 0
    )


def graph_findings(
    model: onnx.ModelProto,
    operators: Counter[str],
    table: LayerTable,
    inputs: tuple[TensorContract, ...],
    outputs: tuple[TensorContract, ...],
) -> list[Finding]:
    """Findings about the graph, the most serious first. Warnings are what may go wrong; the rest is good to know."""
    found = [*_version_findings(model, operators), *_cost_findings(operators, table)]
    found += _contract_findings(inputs, outputs)
    found += _leftover_findings(model, operators, table)
    found += _output_findings(model, outputs)
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _version_findings(model: onnx.ModelProto, operators: Counter[str]) -> Iterator[Finding]:
    if model.ir_version > OLDEST_RUNTIME_IR:
        text = f"IR version {model.ir_version}: onnxruntime 1.20 on a device reads up to {OLDEST_RUNTIME_IR}."
        yield Finding("new-ir", "warning", text)
    if model_file.opset_of(model) < MIN_QUANTIZABLE_OPSET:
        text = f"Opset below {MIN_QUANTIZABLE_OPSET}: int8 per channel is not possible. Export with 17."
        yield Finding("old-opset", "warning", text)
    if is_quantized(operators):
        yield Finding("quantized", "warning", "It is quantized already: int8 variants are not made of it again.")


def _cost_findings(operators: Counter[str], table: LayerTable) -> Iterator[Finding]:
    if any(name in operators for name in _BRANCHES):
        text = "It has branches or loops: what is inside them is not counted in the multiply-adds."
        yield Finding("branches", "warning", text)
    if table.unknown:
        shown = ", ".join(table.unknown[:3])
        text = f"The cost of {len(table.unknown)} operators is unknown ({shown}): shapes are missing."
        yield Finding("unknown-cost", "warning", text, table.unknown[:3])
    if table.sizeless:
        text = f"The size of {table.sizeless} tensors is not known: memory is counted where it is."
        yield Finding("unknown-memory", "info", text)


def _contract_findings(inputs: tuple[TensorContract, ...], outputs: tuple[TensorContract, ...]) -> Iterator[Finding]:
    if inputs[0].element_type != "float32":
        text = f"The input takes {inputs[0].element_type}; samples are prepared as float32, so it cannot be optimized."
        yield Finding("input-type", "warning", text, (inputs[0].name,))
    free = dynamic_axes((*inputs, *outputs))
    if free:
        text = f"Free axes besides the batch ({', '.join(free[:5])}): cost is counted where shapes are known."
        yield Finding("dynamic-axes", "warning", text, free[:5])
    if len(outputs) > 1:
        text = f"Of {len(outputs)} outputs only the first, {outputs[0].name}, is evaluated."
        yield Finding("several-outputs", "warning", text, tuple(output.name for output in outputs[:5]))
    if inputs[0].shape[0] == 1:
        yield Finding("fixed-batch", "info", "The batch is fixed at 1: samples are evaluated one by one.")


def _leftover_findings(model: onnx.ModelProto, operators: Counter[str], table: LayerTable) -> Iterator[Finding]:
    training = [
        node.name or node.op_type
        for node in model.graph.node
        if node.op_type == "BatchNormalization" and any(a.name == "training_mode" and a.i for a in node.attribute)
    ]
    if training:
        text = f"{len(training)} layers are in training mode ({training[0]}): answers depend on the batch."
        yield Finding("training-mode", "warning", f"{text} Export it after model.eval().", tuple(training[:3]))
    random = sum(operators[name] for name in _RANDOM)
    if random:
        yield Finding("random", "warning", f"{random} operators draw random numbers: answers cannot be compared.")
    dropped = operators["Dropout"]
    if dropped:
        yield Finding("dropout", "info", f"{dropped} Dropout operators are left over from training; they do nothing.")
    if table.unused_bytes > _MUCH_UNUSED:
        text = f"{table.unused_bytes >> 10} KiB of weights are used by no operator; clean-up removes them."
        yield Finding("unused-weights", "info", text)
    after_convolution = _foldable(model)
    if after_convolution:
        text = f"{after_convolution} BatchNormalization operators follow a convolution and can be folded into it."
        yield Finding("foldable-normalization", "info", text)


def _foldable(model: onnx.ModelProto) -> int:
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    return sum(
        node.op_type == "BatchNormalization" and makers.get(node.input[0]) in {"Conv", "ConvTranspose"}
        for node in model.graph.node
        if node.input
    )


def _output_findings(model: onnx.ModelProto, outputs: tuple[TensorContract, ...]) -> Iterator[Finding]:
    if len(outputs[0].shape) != 2:
        said = "×".join("?" if size is None else str(size) for size in outputs[0].shape) or "a single number"
        text = (
            f"The output {outputs[0].name} ({said}) holds no scores per class: accuracy can be measured of classifiers"
        )
        yield Finding("no-classifier", "info", f"{text} only.", (outputs[0].name,))
        return
    makers = {name: node for node in model.graph.node for name in node.output}
    maker = makers.get(outputs[0].name)
    for _ in range(16):
        if maker is None or maker.op_type not in _VIEWS or not maker.input:
            break
        maker = makers.get(maker.input[0])
    if maker is not None and maker.op_type not in _PROBABILITIES:
        text = "The output comes without Softmax: its scores rank classes, but are no probabilities."
        yield Finding("no-softmax", "info", text, (outputs[0].name,))
