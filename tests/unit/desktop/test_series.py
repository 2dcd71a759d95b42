"""A device's figures as lines: what was stored, then what was heard; pauses as gaps."""

from __future__ import annotations

import numpy as np

from edgeyard.desktop.device_page.detail import DeviceDetail
from edgeyard.desktop.device_page.series import LivePoints, charts_of, last_value, value_at
from edgeyard.store.metric import SAMPLE_TYPE
from tests.unit.desktop.fleet_world import NOW, device


def detail(starts: list[float], duration_s: float = 60.0) -> DeviceDetail:
    samples = np.zeros(len(starts), SAMPLE_TYPE)
    samples["at"], samples["duration_s"] = starts, duration_s
    samples["inferences"], samples["errors"] = 300, 3
    for name in ("latency_p50_ms", "latency_p95_ms", "cpu_percent", "memory_bytes"):
        samples[name] = 10.0
    samples["temperature_c"] = np.nan
    return DeviceDetail("a", NOW, 900.0, samples, (), (), (), {"cpu_percent": (5.0, 20.0)})


def latency(found: DeviceDetail | None, live: LivePoints) -> np.ndarray:
    return charts_of(found, live)[0].lines[1].y


def test_windows_next_to_each_other_are_one_line() -> None:
    assert not np.isnan(latency(detail([NOW - 180, NOW - 120, NOW - 60]), LivePoints())).any()


def test_a_missing_window_is_a_gap() -> None:
    y = latency(detail([NOW - 600, NOW - 540, NOW - 120]), LivePoints())
    assert list(np.isnan(y)) == [False, False, True, False]


def test_live_points_follow_the_windows_without_a_false_gap() -> None:
    live = LivePoints()
    for second in (2, 4, 6):
        assert live.add(device("a", last_seen_at=NOW + second, latency_p95_ms=12.0))
    assert not live.add(device("a", last_seen_at=NOW + 6))
    y = latency(detail([NOW - 120, NOW - 60]), live)
    assert len(y) == 5
    assert not np.isnan(y).any()


def test_a_device_that_was_silent_on_screen_leaves_a_gap() -> None:
    live = LivePoints()
    for second in (0, 2, 60):
        live.add(device("a", last_seen_at=NOW + second))
    assert np.isnan(latency(None, live)).sum() == 1


def test_rates_are_per_second_and_errors_in_percent() -> None:
    charts = {chart.title: chart for chart in charts_of(detail([NOW - 60]), LivePoints())}
    assert last_value(charts["Inferences"].lines[0]) == 5.0
    assert last_value(charts["Errors"].lines[0]) == 1.0
    assert charts["Temperature"].empty
    assert charts["Processor"].band == (5.0, 20.0)


def test_the_value_under_the_cross_hair_is_the_nearest() -> None:
    line = charts_of(detail([NOW - 120, NOW - 60]), LivePoints())[0].lines[0]
    assert value_at(line, NOW - 33) == 10.0
