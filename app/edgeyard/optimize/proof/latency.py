"""Latency of several models in one run, interleaved, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.statistic import median_interval
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.runtime.session import RuntimeSession

MIN_ROUNDS = 3
MAX_ROUNDS = 3000
_BURST = 3
_SLOW_S = 0.05
_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds per sample at batch 1. `ratio` is original ÷ this one, above 1 is faster, with a 95 % interval."""

    p50_ms: float
    p95_ms: float
    ratio: float = 1.0
    ratio_low: float | None = None
    ratio_high: float | None = None
    repetitions: int = 0


def measure_latency(
    sessions: Mapping[str, RuntimeSession], original: str, dataset: Dataset, budget_s: float
) -> dict[str, Latency]:
    """Measure for about `budget_s` seconds, but at least three rounds.

    In a round each model runs in a short burst after one run that is not counted (a device runs one model all the
    time, so its caches are warm), in an order that rotates. `ratio` is the median over rounds of the quotient of the
    two burst medians: a slow moment spoils a round, not the result. Its interval is that of a median.
    """
    samples = next(dataset.first(_SAMPLES).batches(_SAMPLES))
    names = list(sessions)
    bursts: dict[str, list[list[float]]] = {name: [] for name in names}
    burst = _BURST
    deadline = time.perf_counter() + budget_s
    for turn in range(MAX_ROUNDS):
        if turn >= MIN_ROUNDS and time.perf_counter() > deadline:
            break
        sample = samples[turn % len(samples)][None]
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            if _seconds(sessions[name], sample) > _SLOW_S:
                burst = 1
            bursts[name].append([_seconds(sessions[name], sample) for _ in range(burst)])
    middles = {name: np.array([np.median(times) for times in bursts[name]]) for name in names}
    return {name: _latency(bursts[name], middles[original] / middles[name], name == original) for name in names}


def _latency(bursts: list[list[float]], ratios: NDArray[np.float64], is_original: bool) -> Latency:
    times_ms = np.concatenate([np.asarray(times) for times in bursts]) * 1e3
    p50_ms, p95_ms = (float(np.percentile(times_ms, share)) for share in (50, 95))
    if is_original:
        return Latency(p50_ms, p95_ms, repetitions=len(times_ms))
    low, high = median_interval([float(ratio) for ratio in ratios]) or (None, None)
    return Latency(p50_ms, p95_ms, float(np.median(ratios)), low, high, len(times_ms))


def _seconds(session: RuntimeSession, sample: NDArray[np.float32]) -> float:
    started = time.perf_counter()
    session.run(sample)
    return time.perf_counter() - started
