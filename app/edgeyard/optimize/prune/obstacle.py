"""What keeps a model from being pruned, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgeyard.domain.error import UserError
from edgeyard.optimize.prune.sampling import MIN_SAMPLES
from edgeyard.optimize.step import StepInput

if TYPE_CHECKING:
    from edgeyard.optimize.graph.onnx_graph import OnnxGraph


def pruning_obstacle(given: StepInput, needs_samples: bool, operators: Iterable[str], quantized: bool = False) -> str:
    """Empty when the model has float32 weights of these operators and, where needed, there are samples.

    Args:
        quantized: whether a quantized model will do.
    """
    summary = given.summary
    if given.trait.file_format != "onnx":
        return "It works on ONNX files only."
    if not quantized and (summary.already_quantized or given.trait.precision != "fp32"):
        return "It needs 32-bit weights: run it before the model is quantized or halved."
    if summary.input.element_type != "float32":
        return f"The input takes {summary.input.element_type}, not float32."
    if not any(operator in summary.operators for operator in operators):
        return f"The model has no {' or '.join(operators)}."
    if needs_samples and given.calibration is None:
        return "There is no calibration set."
    if needs_samples and given.calibration is not None and len(given.calibration) < MIN_SAMPLES:
        return f"It needs {MIN_SAMPLES} calibration samples; there are {len(given.calibration)}."
    return ""


def read_with_layers(given: StepInput) -> OnnxGraph:
    """The step's model with batch norms folded; `UserError` unless some layer has its weights stored in the file."""
    from edgeyard.optimize.graph.fold import fold_batch_norms
    from edgeyard.optimize.graph.layer import layers
    from edgeyard.optimize.graph.onnx_graph import OnnxGraph

    graph = OnnxGraph.read(given.source)
    fold_batch_norms(graph)
    if not layers(graph):
        raise UserError(
            "No layer has its weights stored in the file: they are computed, or not in 32 bits.",
            "Run the step clean-up before, which stores what can be computed once.",
        )
    return graph
