"""The key figures of the fleet over the last quarter of an hour, and the band they normally keep to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyard.desktop.fleet_frame import ALARM, ATTENTION, HEALTHY, UPDATING, FleetFrame
from edgeyard.store.metric import TrendPoint

SLOT_S = 15.0
SLOTS = 60
PAST_WINDOW_S = 60.0
"""Agents report their own windows about once a minute: finer ones would be full of holes."""
BAND_WINDOW_S = 300.0
_LEAST_BAND_POINTS = 50
"""Four hours: fewer windows say nothing about what is normal."""

ONLINE, WRONG, MOVING, RATE, LATENCY = range(5)
FIGURES = 5


@dataclass(frozen=True, slots=True)
class FleetTrend:
    """`values` is (FIGURES, SLOTS) with NaN for what is not known, the newest last; bands by figure."""

    values: npt.NDArray[np.float64]
    bands: dict[int, tuple[float, float]]

    def now(self, figure: int) -> float:
        """The newest value of a figure."""
        return float(self.values[figure, -1])


EMPTY_TREND = FleetTrend(np.full((FIGURES, SLOTS), np.nan), {})


class TrendBook:
    """Collects the figures of each frame; lives on the reader thread."""

    def __init__(self) -> None:
        self._values = EMPTY_TREND.values
        self._slot = 0
        self._bands: dict[int, tuple[float, float]] = {}

    def follow(self, frame: FleetFrame, now: float) -> FleetTrend:
        """Take over the frame that holds at `now`."""
        slot = int(now // SLOT_S)
        steps = min(max(slot - self._slot, 0), SLOTS)
        values = np.full_like(self._values, np.nan)
        values[:, : SLOTS - steps] = self._values[:, steps:]
        values[:, -1] = figures_of(frame)
        self._values, self._slot = values, slot
        return FleetTrend(values, self._bands)

    def fill(self, points: Sequence[TrendPoint]) -> None:
        """Put what was measured before the start into the empty places; points are windows of `PAST_WINDOW_S`."""
        values = self._values.copy()
        for point in points:
            first = SLOTS - 1 - (self._slot - int(point.at // SLOT_S))
            columns = np.arange(max(0, first), min(SLOTS - 1, first + int(PAST_WINDOW_S / SLOT_S)))
            p95_ms = np.nan if point.latency_p95_ms is None else point.latency_p95_ms
            for figure, value in ((ONLINE, point.devices), (RATE, point.inferences / PAST_WINDOW_S), (LATENCY, p95_ms)):
                values[figure, columns] = np.where(np.isnan(values[figure, columns]), value, values[figure, columns])
        self._values = values

    def set_bands(self, points: Sequence[TrendPoint]) -> None:
        """Learn what is normal from windows of `BAND_WINDOW_S`: the 5th to the 95th percentile."""
        if len(points) < _LEAST_BAND_POINTS:
            return
        columns = {
            ONLINE: [float(point.devices) for point in points],
            RATE: [point.inferences / BAND_WINDOW_S for point in points],
            LATENCY: [point.latency_p95_ms for point in points if point.latency_p95_ms is not None],
        }
        self._bands = {
            figure: (float(np.percentile(values, 5)), float(np.percentile(values, 95)))
            for figure, values in columns.items()
            if values
        }


def _middle(values: npt.NDArray[np.float64]) -> float:
    # np.median imports masked arrays, which cost the start of the desktop 75 ms.
    return float(np.partition(values, len(values) // 2)[len(values) // 2]) if len(values) else float("nan")


def figures_of(frame: FleetFrame) -> npt.NDArray[np.float64]:
    """The five key figures of one frame; NaN where no device says anything."""
    heard = (frame.status == HEALTHY) | (frame.status == UPDATING)
    reachable = heard | ((frame.online != 0) & ((frame.status == ALARM) | (frame.status == ATTENTION)))
    rates, latencies = frame.per_s[reachable], frame.p95_ms[reachable]
    rates, latencies = rates[~np.isnan(rates)], latencies[~np.isnan(latencies)]
    return np.array(
        [
            np.count_nonzero(reachable),
            np.count_nonzero((frame.status == ALARM) | (frame.status == ATTENTION)),
            np.count_nonzero(frame.updating),
            rates.sum() if len(rates) else np.nan,
            _middle(latencies),
        ],
        dtype=np.float64,
    )
