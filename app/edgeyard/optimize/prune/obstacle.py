"""What keeps a model from being pruned, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from edgeyard.optimize.prune.sampling import MIN_SAMPLES
from edgeyard.optimize.step import StepInput


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
