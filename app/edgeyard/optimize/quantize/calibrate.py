"""Run calibration samples through a model once and keep, of every tensor asked for, a histogram."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import open_session
from edgeyard.optimize.quantize.histogram import Histogram
from edgeyard.optimize.quantize.range_choice import METHODS, Range

_BATCH_BYTES = 24 << 20
"""All tensors of a batch together: they are alive at the same time."""
_MOST_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was seen, by tensor: every method takes its ranges from the same histograms."""

    histograms: Mapping[str, Histogram]
    samples: int

    def ranges(self, method: str, levels: int = 256) -> dict[str, Range]:
        """The range of each tensor by one of `METHODS`, for integers with so many values."""
        return {name: METHODS[method](histogram, levels) for name, histogram in self.histograms.items()}


def calibrate(
    graph: OnnxGraph,
    tensors: Iterable[str],
    dataset: Dataset,
    fixed_batch: int | None = None,
    tell: Callable[[float], None] = lambda _fraction: None,
    threads: int = 1,
) -> Calibration:
    """Histograms of `tensors` (float32, in the main graph) over all samples.

    Memory does not depend on the number of samples: a batch is as large as fits into 24 MiB with all its tensors, and
    is forgotten when it was counted.

    Args:
        fixed_batch: the size of the batch axis where the model fixes it.
        tell: called with the fraction done after each batch.

    Raises:
        UserError: the model does not run, or a value is no number.
    """
    wanted = list(dict.fromkeys(tensors))
    histograms = {name: Histogram() for name in wanted}
    computed = [name for name in wanted if name not in graph.inputs]
    session = open_session(graph.part([], computed).SerializeToString(), threads) if computed else None
    done = 0
    for x in dataset.batches(fixed_batch or batch_for(graph, wanted)):
        arrays = dict.fromkeys(graph.inputs, x)
        if session is not None:
            try:
                arrays |= dict(zip(computed, session.run(computed, {graph.inputs[0]: x}), strict=True))
            except MemoryError:
                raise
            except Exception as error:
                raise UserError(f"The model cannot be run on the calibration samples: {str(error)[:300]}") from error
        for name in wanted:
            try:
                histograms[name].add(arrays.pop(name))
            except ValueError as error:
                raise UserError(
                    f"The tensor {name} inside the model cannot be calibrated: {error}.",
                    "Check the preprocessing of the data; if that is right, the training diverged.",
                ) from error
        done += len(x)
        tell(done / len(dataset))
    return Calibration(histograms, done)


def batch_for(graph: OnnxGraph, tensors: Iterable[str]) -> int:
    """How many samples at a time keep all `tensors` together within 24 MiB."""
    shapes = graph.shapes()
    sample_bytes = sum(4 * prod(size or 1 for size in shapes.get(name, ())) for name in tensors)
    return max(1, min(_MOST_SAMPLES, _BATCH_BYTES // max(1, sample_bytes)))
