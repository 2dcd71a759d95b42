"""When each wave would run, from the plan's own figures; a forecast, not a promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeyard.domain.rollout import RolloutPolicy

SELF_TEST_S = 10.0
"""Allowance for verifying and self-testing one model; devices do it side by side."""


@dataclass(frozen=True, slots=True)
class WaveForecast:
    """One bar of the time line. Times are seconds after the start; `exposed` is cumulative (the blast radius)."""

    index: int
    start_s: float
    end_s: float
    devices: int
    bytes: int
    exposed: int


def forecast_waves(
    waves: Sequence[Sequence[int]], policy: RolloutPolicy, bytes_per_s: float = 2_000_000.0
) -> tuple[WaveForecast, ...]:
    """Forecast from bytes per device and wave; `bytes_per_s` is what the artifact server gives all devices together."""
    forecasts = []
    start_s, exposed = 0.0, 0
    for index, sizes in enumerate(waves):
        exposed += len(sizes)
        duration_s = sum(sizes) / bytes_per_s + SELF_TEST_S + policy.gate.trial_s + policy.soak_s
        forecasts.append(WaveForecast(index, start_s, start_s + duration_s, len(sizes), sum(sizes), exposed))
        start_s += duration_s
    return tuple(forecasts)
