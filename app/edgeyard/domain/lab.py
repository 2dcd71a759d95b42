"""Lab runs: candidates measured on a device of the kind they are meant for, and when such a figure may be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

STEADY_WITHIN_C = 1.0
"""A device is in thermal steady state when its temperature moved less than this over `STEADY_OVER_S`."""
STEADY_OVER_S = 20.0


class LabState(StrEnum):
    """Where a lab run is. `DONE` means that every candidate was tried, not that each could be measured."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN_STATES = (LabState.WAITING, LabState.RUNNING)


@dataclass(frozen=True, slots=True)
class LabFigures:
    """What a device measured of one candidate, interleaved with the original on the same samples.

    Latencies are milliseconds per sample at batch 1 over all `repetitions`; `ratio` is original ÷ candidate, the median
    over repetitions with the range in which it lies with 95 % confidence (`None` with fewer than six repetitions).
    `accuracy` is a fraction over `samples`. `energy_mj` is per inference, from the power the device itself reads while
    the candidate runs alone. `steady` is `None` where the device has no temperature sensor.
    """

    repetitions: int
    p50_ms: float
    p95_ms: float
    original_p50_ms: float
    ratio: float
    ratio_low: float | None = None
    ratio_high: float | None = None
    accuracy: float | None = None
    original_accuracy: float | None = None
    samples: int = 0
    memory_peak_bytes: int | None = None
    clock_low_mhz: float | None = None
    clock_high_mhz: float | None = None
    temperature_start_c: float | None = None
    temperature_end_c: float | None = None
    steady: bool | None = None
    power_w: float | None = None
    energy_mj: float | None = None
    runtime: str = ""
    processor: str = ""

    @property
    def sentence(self) -> str:
        """`1.62× faster, 71 °C steady, 5 repetitions`, for lists."""
        speed = f"{self.ratio:.2f}× faster" if self.ratio >= 1 else f"{1 / self.ratio:.2f}× slower"
        parts = [speed]
        if self.temperature_end_c is not None:
            parts.append(f"{self.temperature_end_c:.0f} °C {'steady' if self.steady else 'not steady'}")
        if self.energy_mj is not None:
            parts.append(f"{self.energy_mj:.2f} mJ")
        parts.append("1 repetition" if self.repetitions == 1 else f"{self.repetitions} repetitions")
        return ", ".join(parts)


def is_steady(temperatures: Sequence[tuple[float, float]]) -> bool:
    """Whether the last `STEADY_OVER_S` seconds of `(seconds, °C)`, oldest first, stayed within `STEADY_WITHIN_C`."""
    if not temperatures:
        return False
    end_s = temperatures[-1][0]
    if end_s - temperatures[0][0] < STEADY_OVER_S:
        return False
    last = [value for at_s, value in temperatures if at_s >= end_s - STEADY_OVER_S]
    return max(last) - min(last) <= STEADY_WITHIN_C
