"""Everything of one device beyond the fleet's columns, read for the one that is on screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeyard.domain.execution import Execution
from edgeyard.store.database import Connection
from edgeyard.store.device import ModelRun, StoredEvent, device_events, model_history
from edgeyard.store.metric import samples
from edgeyard.store.rollout import executions_of_device

RANGES_S = {"15 min": 900.0, "1 h": 3600.0, "6 h": 21_600.0, "24 h": 86_400.0}
EVERY_S = 2.0
_WEEK_S = 7 * 86_400.0
_LEAST_SAMPLES = 60
_BANDED = ("latency_p95_ms", "cpu_percent", "memory_bytes", "temperature_c")
_EVENTS, _RUNS, _EXECUTIONS = 50, 20, 10


@dataclass(frozen=True, slots=True)
class DeviceDetail:
    """`samples` are of `store.metric.SAMPLE_TYPE`, by time, over the last `range_s` seconds before `at`."""

    device_id: str
    at: float
    range_s: float
    samples: npt.NDArray[np.void]
    events: tuple[StoredEvent, ...]
    runs: tuple[ModelRun, ...]
    executions: tuple[Execution, ...]
    bands: dict[str, tuple[float, float]]
    """What was normal in the last week, by column of `samples`: 5th to 95th percentile."""


def detail_reader(device_id: str, range_s: float) -> Callable[[Connection, float], DeviceDetail]:
    """A feed's reading of this device. What is normal is learned once, at the first reading."""
    bands: dict[str, tuple[float, float]] | None = None

    def read(c: Connection, now: float) -> Any:
        nonlocal bands
        if bands is None:
            bands = _bands(samples(c, device_id, now - _WEEK_S, now))
        return DeviceDetail(
            device_id,
            now,
            range_s,
            samples(c, device_id, now - range_s, now + 60.0),
            tuple(device_events(c, device_id, _EVENTS)),
            tuple(model_history(c, device_id, _RUNS)),
            tuple(executions_of_device(c, device_id, _EXECUTIONS)),
            bands,
        )

    return read


def _bands(week: npt.NDArray[np.void]) -> dict[str, tuple[float, float]]:
    found = {}
    for name in _BANDED:
        known = week[name][np.isfinite(week[name])]
        if len(known) >= _LEAST_SAMPLES:
            found[name] = (float(np.percentile(known, 5)), float(np.percentile(known, 95)))
    return found
