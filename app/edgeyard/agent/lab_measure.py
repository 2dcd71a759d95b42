"""Measures one candidate on this device, for a lab order: in the runner's process, on one thread, beside the original.

First the device warms up under the candidate until its temperature stands still, since a cold device is faster than the
one in the field. In each repetition both models then see the same samples in short bursts in turn, so that whatever
else the device does hits both alike; after that the candidate runs alone while the power is read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyard.agent.model_session import ModelSession
from edgeyard.agent.quantile import quantile
from edgeyard.agent.runner_message import Measure
from edgeyard.agent.sample_file import Samples, check_fit, read_samples
from edgeyard.agent.sensor import PowerMeter, clock_mhz, peak_memory_bytes, processor_name, temperature_c
from edgeyard.domain.error import UserError
from edgeyard.domain.lab import STEADY_OVER_S, LabFigures, is_steady
from edgeyard.domain.statistic import median, median_interval

_BURST = 5
_ALONE_S = 1.0
_LOOK_EVERY_S = 1.0
_MAX_SAMPLES = 2000
_BLIND_SETTLE_S = 5.0
"""Without a temperature sensor nothing says when to stop; this fills caches and lets the clock settle."""


@dataclass(slots=True)
class _Conditions:
    """What the device was like meanwhile."""

    temperatures: list[tuple[float, float]] = field(default_factory=list)
    clocks_mhz: list[float] = field(default_factory=list)

    def look(self) -> None:
        temperature, clock = temperature_c(), clock_mhz()
        if temperature is not None:
            self.temperatures.append((time.monotonic(), temperature))
        if clock is not None:
            self.clocks_mhz.append(clock)


def measure_candidate(job: Measure, doing: Callable[[str], None]) -> LabFigures:
    """Carry out a measuring; `doing` hears what comes next. Raises `UserError` when something cannot be used."""
    doing("loading the original")
    original = _load(job, original=True)
    doing("loading the candidate")
    before = peak_memory_bytes()
    candidate = _load(job, original=False)
    samples = read_samples(Path(job.samples_path), "set of labelled samples")
    check_fit(samples, candidate.preprocessing, candidate.model.input_shape)
    conditions = _Conditions()
    doing("warming up")
    steady = _settle(candidate, samples, job.settle_s, conditions)
    peak = peak_memory_bytes()
    doing("measuring")
    pairs = [_repeat(candidate, original, samples, job.repetition_s, conditions) for _ in range(job.repetitions)]
    power_w = _power_alone(candidate, samples)
    doing("counting right answers")
    return _figures(job, candidate, original, samples, pairs, conditions, steady, _grown(before, peak), power_w)


def _load(job: Measure, *, original: bool) -> ModelSession:
    session = ModelSession(job.original if original else job.candidate)
    session.warm_up()
    return session


def _settle(candidate: ModelSession, samples: Samples, settle_s: float, conditions: _Conditions) -> bool | None:
    """Run the candidate until the temperature stands still or `settle_s` is over; `None` without a sensor."""
    began = looked = time.monotonic()
    conditions.look()
    blind = not conditions.temperatures
    patience_s = min(settle_s, _BLIND_SETTLE_S) if blind else settle_s
    for index in itertools.cycle(range(len(samples))):
        now = time.monotonic()
        if now - began >= patience_s:
            break
        if now - looked >= _LOOK_EVERY_S:
            looked = now
            conditions.look()
            if now - began >= STEADY_OVER_S and is_steady(conditions.temperatures):
                return True
        candidate.run(samples.prepared(index, candidate.preprocessing))
    return None if blind else is_steady(conditions.temperatures)


def _repeat(
    candidate: ModelSession, original: ModelSession, samples: Samples, budget_s: float, conditions: _Conditions
) -> tuple[list[float], list[float]]:
    """One repetition: milliseconds of candidate and original, burst by burst."""
    conditions.look()
    ours: list[float] = []
    theirs: list[float] = []
    deadline = time.monotonic() + budget_s
    for turn in itertools.count():
        if turn >= 2 and time.monotonic() >= deadline:
            return ours, theirs
        pair = ((candidate, ours), (original, theirs))
        for session, times_ms in pair if turn % 2 else pair[::-1]:
            x = samples.prepared(turn % len(samples), session.preprocessing)
            session.run(x)  # not counted: in the field a model finds its own caches warm
            times_ms.extend(session.run(x)[1] for _ in range(_BURST))
    raise AssertionError("the loop ends by its deadline")


def _power_alone(candidate: ModelSession, samples: Samples) -> float | None:
    meter = PowerMeter()
    x = samples.prepared(0, candidate.preprocessing)
    meter.start()
    end = time.monotonic() + _ALONE_S
    while time.monotonic() < end:
        candidate.run(x)
        meter.sample()
    return meter.stop()


def _figures(
    job: Measure,
    candidate: ModelSession,
    original: ModelSession,
    samples: Samples,
    pairs: Sequence[tuple[list[float], list[float]]],
    conditions: _Conditions,
    steady: bool | None,
    memory_peak_bytes: int | None,
    power_w: float | None,
) -> LabFigures:
    import onnxruntime

    conditions.look()
    ratios = [median(theirs) / median(ours) for ours, theirs in pairs]
    interval = median_interval(ratios)
    times_ms = [value for ours, _ in pairs for value in ours]
    p50_ms = quantile(times_ms, 0.5)
    indices = np.linspace(0, len(samples) - 1, min(len(samples), _MAX_SAMPLES)).round().astype(np.int64)
    temperatures = [value for _, value in conditions.temperatures]
    return LabFigures(
        repetitions=job.repetitions,
        p50_ms=p50_ms,
        p95_ms=quantile(times_ms, 0.95),
        original_p50_ms=quantile([value for _, theirs in pairs for value in theirs], 0.5),
        ratio=median(ratios),
        ratio_low=interval[0] if interval else None,
        ratio_high=interval[1] if interval else None,
        accuracy=_accuracy(candidate, samples, indices),
        original_accuracy=_accuracy(original, samples, indices),
        samples=len(indices) if samples.y is not None else 0,
        memory_peak_bytes=memory_peak_bytes,
        clock_low_mhz=min(conditions.clocks_mhz, default=None),
        clock_high_mhz=max(conditions.clocks_mhz, default=None),
        temperature_start_c=temperatures[0] if temperatures else None,
        temperature_end_c=temperatures[-1] if temperatures else None,
        steady=steady,
        power_w=power_w,
        energy_mj=None if power_w is None else power_w * p50_ms,
        runtime=f"onnxruntime {onnxruntime.__version__}",
        processor=processor_name(),
    )


def _accuracy(session: ModelSession, samples: Samples, indices: NDArray[np.int64]) -> float | None:
    if samples.y is None:
        return None
    hits = 0
    for index in indices:
        try:
            scores, _ = session.scores(samples.prepared(int(index), session.preprocessing))
        except ValueError as error:
            raise UserError(f"{session.model.label}: {error}.") from error
        hits += int(scores.argmax() == samples.y[index])
    return hits / len(indices)


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(after - before, 0)
