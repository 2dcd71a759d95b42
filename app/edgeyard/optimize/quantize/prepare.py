"""What every quantization begins with: a simplified graph, and samples that fit into memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import fitting_batch
from edgeyard.optimize.simplify.simplify_model import Simplified, simplify_model
from edgeyard.optimize.step import StepInput

_CHECKED_SAMPLES = 2
_MOST_SAMPLES_AT_ONCE = 16
"""More at a time leave the processor's cache, and are slower per sample."""
MIN_OPSET = 13
"""QuantizeLinear takes one scale per channel since then."""
QUANTIZABLE = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A float graph to quantize, samples to calibrate on, others to judge by, and how many to run at a time."""

    graph: OnnxGraph
    samples: Dataset
    selection: Dataset
    """None of `samples`; empty when nothing was to be judged."""
    batch: int
    fixed_batch: int | None
    notes: tuple[str, ...]


def prepare(given: StepInput, samples: int, selection: int = 0, *, without_transpose: bool) -> Prepared:
    """Read and simplify the source, and draw samples by the seed: files are often sorted by class.

    When there are fewer than `samples` + `selection`, half of them are to calibrate on. `given` has calibration
    samples: `obstacle` asked for them.
    """
    assert given.calibration is not None, "obstacle() was not asked"
    order = np.random.default_rng(given.seed).permutation(len(given.calibration))
    if selection and len(order) < samples + selection:
        samples = min(samples, (len(order) + 1) // 2)
    dataset = given.calibration.take(order[:samples], "calibration set")
    judged = given.calibration.take(order[samples : samples + selection], "selection set")
    fixed = given.summary.batch
    simplified = simplify_source(given, without_transpose=without_transpose)
    batch = fitting_batch(given.summary.largest_tensor_bytes, fixed, most=_MOST_SAMPLES_AT_ONCE)
    return Prepared(simplified.graph, dataset, judged, batch, fixed, simplified.notes)


def simplify_source(given: StepInput, *, without_transpose: bool = False) -> Simplified:
    """Read and simplify the source, checked on some calibration samples, or on noise where there are none."""
    import onnx

    model = onnx.load(given.source, load_external_data=False)
    count = given.summary.batch or _CHECKED_SAMPLES
    if given.calibration is not None and len(given.calibration) >= count:
        few = next(given.calibration.first(count).batches(count))
    else:
        shape = [count, *(size or 1 for size in given.summary.input.shape[1:])]
        few = np.random.default_rng(given.seed).normal(size=shape).astype(np.float32)
    return simplify_model(model, few, without_transpose=without_transpose)


def quantization_obstacle(given: StepInput, *, needs_samples: bool = True, min_opset: int = MIN_OPSET) -> str:
    """Why the source cannot be quantized, in one sentence; empty when it can."""
    summary = given.summary
    if given.trait.file_format != "onnx":
        return "Only ONNX files can be quantized by this step."
    if given.trait.precision != "fp32" or summary.already_quantized:
        return "The model is quantized already."
    if summary.opset < min_opset:
        what = "scales per channel" if min_opset == MIN_OPSET else "these integer types"
        return f"Opset {summary.opset} has no {what}: export the model with opset {min_opset} or later."
    if not any(operator in summary.operators for operator in QUANTIZABLE):
        return "There is no convolution or matrix product in it to quantize."
    if summary.input.element_type != "float32":
        return f"The input takes {summary.input.element_type}, not float32."
    if needs_samples and given.calibration is None:
        return "There is no calibration set."
    return ""
