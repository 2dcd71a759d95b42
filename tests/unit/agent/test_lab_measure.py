"""Measuring a candidate on the device itself, in the process that does it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from edgeyard.agent import lab_measure, sensor
from edgeyard.agent.lab_measure import measure_candidate
from edgeyard.agent.runner_message import Measure, ModelFile
from edgeyard.agent.sensor import PowerMeter
from edgeyard.domain.error import UserError
from tests.unit.agent import toy_model


def _job(folder: Path, candidate: bytes, *, repetitions: int = 6, settle_s: float = 0.0) -> Measure:
    files = {"candidate": candidate, "original": toy_model.linear_model(), "samples": toy_model.golden_set(50)}
    for name, data in files.items():
        (folder / name).write_bytes(data)

    def model(name: str) -> ModelFile:
        return ModelFile(str(folder / name), name, "x", toy_model.INPUT_SHAPE, "y", {})

    return Measure(model("candidate"), model("original"), str(folder / "samples"), repetitions, settle_s, 0.02)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_measure, "_ALONE_S", 0.02)


def test_both_models_are_measured_on_the_same_samples(tmp_path: Path) -> None:
    said: list[str] = []
    figures = measure_candidate(_job(tmp_path, toy_model.linear_model(wrong=True)), said.append)
    assert figures.repetitions == 6
    assert 0 < figures.p50_ms <= figures.p95_ms
    assert figures.ratio_low is not None
    assert figures.ratio_high is not None
    assert figures.ratio_low <= figures.ratio <= figures.ratio_high
    assert (figures.original_accuracy, figures.samples) == (1.0, 50)
    assert figures.accuracy is not None
    assert figures.accuracy < 0.5
    assert "onnxruntime" in figures.runtime
    assert said[:2] == ["loading the original", "loading the candidate"]


def test_a_candidate_without_sound_answers_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no numbers"):
        measure_candidate(_job(tmp_path, toy_model.not_a_number_model()), lambda _: None)
    with pytest.raises(UserError, match="cannot load"):
        measure_candidate(_job(tmp_path, b"no model"), lambda _: None)


def test_the_device_warms_up_until_its_temperature_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that moves with every look at it: 40 °C rising to 70 °C, then still."""
    clock = _Clock()
    monkeypatch.setattr(lab_measure.time, "monotonic", clock)
    monkeypatch.setattr(lab_measure, "temperature_c", lambda: min(40 + clock.now_s, 70.0))
    figures = measure_candidate(_job(tmp_path, toy_model.linear_model(), settle_s=600.0), lambda _: None)
    assert figures.steady is True
    assert figures.temperature_start_c is not None
    assert figures.temperature_start_c < 50
    assert figures.temperature_end_c == 70.0


def test_a_device_that_keeps_warming_is_said_not_to_be_steady(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(lab_measure.time, "monotonic", clock)
    monkeypatch.setattr(lab_measure, "temperature_c", lambda: 40 + clock.now_s)
    figures = measure_candidate(_job(tmp_path, toy_model.linear_model(), settle_s=30.0), lambda _: None)
    assert figures.steady is False


class _Clock:
    """Every look at it takes a twentieth of a second."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.05
        return self.now_s


def test_power_comes_from_the_energy_counter_also_when_it_begins_anew(tmp_path: Path) -> None:
    rapl = tmp_path / "rapl"
    rapl.mkdir()
    (rapl / "max_energy_range_uj").write_text("1000000\n")
    (rapl / "energy_uj").write_text("900000\n")
    meter = PowerMeter(tmp_path / "none", rapl)
    with patch.object(sensor.time, "monotonic", side_effect=[100.0, 102.0]):
        meter.start()
        (rapl / "energy_uj").write_text("100000\n")
        assert meter.stop() == pytest.approx(0.1)  # 200 mJ in 2 s


def test_power_comes_from_the_boards_sensors_where_there_is_no_counter(tmp_path: Path) -> None:
    for number, microwatts in ((0, 2_000_000), (1, 500_000)):
        (tmp_path / f"hwmon{number}").mkdir()
        (tmp_path / f"hwmon{number}" / "power1_input").write_text(f"{microwatts}\n")
    meter = PowerMeter(tmp_path, tmp_path / "none")
    meter.start()
    assert meter.stop() == pytest.approx(2.5)


def test_a_device_without_any_sensor_says_nothing_of_power(tmp_path: Path) -> None:
    meter = PowerMeter(tmp_path / "none", tmp_path / "none")
    meter.start()
    assert meter.stop() is None
