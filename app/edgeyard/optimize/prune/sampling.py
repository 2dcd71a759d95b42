"""Which calibration samples a fit sees, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay, fitting_batch
from edgeyard.optimize.step import StepInput
from edgeyard.optimize.summary import LayerRow, ModelSummary

ROWS_PER_FEATURE, FEWEST_ROWS_PER_FEATURE = 20, 4
MIN_SAMPLES = 32
_MATRICES = 8
"""XᵀX, its inverse, sums and the solvers' copies: one of them may take this part of the memory."""
_RUN_RATE = 2e10
"""Multiply-adds a second of onnxruntime on one core, about."""
_SUM_RATE = 4e10
"""Multiply-adds a second of XᵀX on one core, about."""
_WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class Sampling:
    """What calibration samples are used and how. A fit sees about `rows` rows, or `per_feature` for each feature."""

    dataset: Dataset
    batch: int
    rows: int
    seed: int
    memory_bytes: int
    threads: int = 1
    per_feature: int = ROWS_PER_FEATURE

    def per_sample(self, features: int) -> int:
        """Positions per sample that make so many rows."""
        return max(1, -(-max(self.rows, self.per_feature * features) // len(self.dataset)))

    def fits(self, features: int) -> bool:
        """Whether the normal equations of so many features fit in the memory."""
        return features * features * 8 * _MATRICES <= self.memory_bytes

    def replay(self, graph: OnnxGraph) -> Replay:
        """`graph` over these samples, for a walk through its layers."""
        return Replay(graph, self.dataset, self.batch, self.memory_bytes // 4, self.threads)


def sampling_for(given: StepInput, samples: int, rows: int, seconds: float) -> Sampling:
    """Up to `samples` calibration samples, drawn by the step's seed.

    They and the rows of them are fewer, in proportion, when what costs `seconds` with all of them would take more than
    the step's budget.
    """
    assert given.calibration is not None, "obstacle() was not asked"
    data = given.calibration
    part = min(1.0, given.budget_s / max(seconds, 1e-9))
    wanted = min(samples, len(data))
    wanted = max(min(wanted, MIN_SAMPLES), int(wanted * part))
    if wanted < len(data):
        chosen = np.random.default_rng(given.seed).choice(len(data), wanted, replace=False)
        data = data.take(np.sort(chosen), data.title)
    # All tensors that a batch is asked for stand in memory together, not only the largest.
    batch = fitting_batch(given.summary.largest_tensor_bytes, given.summary.batch, 16 << 20)
    per_feature = max(FEWEST_ROWS_PER_FEATURE, int(ROWS_PER_FEATURE * part))
    return Sampling(data, batch, int(rows * part), given.seed, given.memory_bytes, per_feature=per_feature)


def walk_cost_s(summary: ModelSummary, samples: int, rows: int, runs: float, sums: float) -> float:
    """About how long it takes to run the model `runs` times over the samples and sum up each layer `sums` times."""
    seconds = runs * samples * summary.multiply_adds / _RUN_RATE
    for layer in summary.layers:
        if layer.operator in _WITH_WEIGHTS and len(layer.kernel) > 1:
            features = _features(layer)
            places = samples * prod(n or 1 for n in layer.output_shape[1:]) // max(1, _outputs(layer))
            seen = min(max(rows, ROWS_PER_FEATURE * features), max(1, places))
            seconds += sums * (seen + features) * features**2 / _SUM_RATE
    return seconds


def _features(layer: LayerRow) -> int:
    return prod(layer.kernel[1:]) if layer.operator == "Conv" else layer.kernel[0]


def _outputs(layer: LayerRow) -> int:
    return layer.kernel[0] if layer.operator == "Conv" else layer.kernel[-1]
