"""Judge what the tools made, all of a model in one process: the same samples, and latencies side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.statistic import paired_difference_interval, wilson_interval

ORIGINAL = "fp32"
AGAIN = "fp32-again"
"""The original a second time: how far two measurements of one file lie apart here."""
BATCH = 32
BURST = 5
SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in onnxruntime, one thread."""

    session: Any
    input_name: str

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output."""
        return np.asarray(self.session.run(None, {self.input_name: x})[0])


def load(path: Path) -> Loaded:
    """Load it as a device would: CPU, one thread, all of onnxruntime's own graph optimizations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Loaded(session, session.get_inputs()[0].name)


def predict(loaded: Loaded, x: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class of each sample."""
    parts = [loaded.run(x[i : i + BATCH]).reshape(len(x[i : i + BATCH]), -1).argmax(1) for i in range(0, len(x), BATCH)]
    return np.concatenate(parts).astype(np.int64)


def accuracy_row(
    classes: NDArray[np.int64], original: NDArray[np.int64], y: NDArray[np.int64] | None
) -> dict[str, Any]:
    """Accuracy and what was lost against fp32, in points of 100, with 95 % intervals; agreement with fp32.

    Args:
        classes: predicted by the variant.
        original: predicted by fp32, on the same samples.
        y: labels, or nothing where the samples are not of the model's kind.
    """
    row: dict[str, Any] = {"agreement": _percent((classes == original).mean())}
    if y is None:
        return {"accuracy": None, "accuracy_interval": None, "drop": None, "drop_interval": None} | row
    right, before = classes == y, original == y
    low, high = wilson_interval(int(right.sum()), len(y))
    gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
    both = int((right & before).sum())
    _, worst, best = paired_difference_interval(both, gained, lost, len(y) - both - gained - lost)
    return {
        "accuracy": _percent(right.mean()),
        "accuracy_interval": [_percent(low), _percent(high)],
        "drop": _percent((lost - gained) / len(y)),
        "drop_interval": [_percent(-best), _percent(-worst)],
    } | row


def measure(models: Mapping[str, Loaded], x: NDArray[np.float32], seconds: float) -> dict[str, NDArray[np.float64]]:
    """Seconds of one sample for each round, the models interleaved.

    In a round each model runs a burst of five after one run that is not counted, in an order that rotates; what counts
    is the burst's median. A slow moment of the machine spoils a round, not the result.
    """
    samples = x[:SAMPLES]
    names = list(models)
    times: dict[str, list[float]] = {name: [] for name in names}
    deadline = time.perf_counter() + seconds
    turn = 0
    while turn < len(names) or time.perf_counter() < deadline:
        sample = samples[turn % len(samples)][None]
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(_burst(models[name], sample))
        turn += 1
    return {name: np.asarray(values) for name, values in times.items()}


def _burst(model: Loaded, sample: NDArray[np.float32]) -> float:
    model.run(sample)
    taken = []
    for _ in range(BURST):
        started = time.perf_counter()
        model.run(sample)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def ratio(times: Mapping[str, NDArray[np.float64]], slow: str, fast: str) -> float:
    """How many times faster `fast` is: the median over rounds of the quotient within a round."""
    return round(float(np.median(times[slow] / times[fast])), 3)


def _percent(share: float) -> float:
    return round(float(share) * 100, 2)
