"""Whether a model can run on a kind of hardware, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.fit import ProfileFit, fit_profile, fit_profiles
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.summary import ModelSummary
from tests.unit.optimize import toy_model


@pytest.fixture
def summary(tmp_path: Path) -> ModelSummary:
    return inspect_model(toy_model.save(toy_model.classifier(), tmp_path / "m.onnx"))


def fit(summary: ModelSummary, name: str) -> ProfileFit:
    return fit_profile(summary, PROFILES[name])


def test_a_plain_network_runs_everywhere_and_is_estimated_in_every_data_type(summary: ModelSummary) -> None:
    for found, profile in zip(fit_profiles(summary, PROFILES.values()), PROFILES.values(), strict=True):
        assert (found.profile, found.obstacles) == (profile.id, ())
        assert found.verdict == ("partly" if profile.id == "apple-ane" else "runs")
        assert found.runtime == profile.runtimes[0]
        assert set(found.estimates) == set(profile.precisions)


def test_operators_that_a_runtime_lacks_are_counted(summary: ModelSummary) -> None:
    exotic = replace(summary, operators={**summary.operators, "NonMaxSuppression": 2, "GridSample": 1})
    hailo = fit(exotic, "hailo8")
    assert (hailo.verdict, hailo.unsupported) == ("no", {"NonMaxSuppression": 2, "GridSample": 1})
    assert "lacks NonMaxSuppression (2), GridSample (1)." in hailo.obstacles[0]
    coral = fit(exotic, "coral")
    assert coral.verdict == "partly"
    assert any("run on the processor" in note for note in coral.notes)
    assert fit(exotic, "pi4").verdict == "runs"


def test_the_preferred_runtime_is_kept_while_it_runs_the_model_at_least_partly(summary: ModelSummary) -> None:
    exotic = replace(summary, operators={**summary.operators, "Mish": 1})
    assert (fit(exotic, "jetson-nano").runtime, fit(exotic, "jetson-nano").verdict) == ("tensorrt", "partly")
    free = replace(summary, dynamic_axes=("image[2]",))
    assert (fit(free, "qcs6490").runtime, fit(free, "qcs6490").verdict) == ("onnxruntime", "runs")


def test_versions_are_obstacles_only_where_no_pass_converts_them(summary: ModelSummary) -> None:
    newer = fit(replace(summary, opset=21, ir_version=11), "hailo8")
    assert newer.verdict == "runs"
    assert any("Opset 21" in note and "can be converted" in note for note in newer.notes)
    assert any("IR version 11" in note for note in fit(replace(summary, ir_version=11), "pi4").notes)
    assert fit(replace(summary, opset=30), "pi4").verdict == "no"


def test_fixed_sizes_int8_and_alignment_are_said(summary: ModelSummary) -> None:
    assert any("batch is set to 1" in note for note in fit(summary, "coral").notes)
    assert any("calibration data" in note for note in fit(summary, "coral").notes)
    assert any("2 of 2 convolutions" in note for note in fit(summary, "coral").notes)
    free = fit(replace(summary, dynamic_axes=("image[2]",)), "hailo8")
    assert free.verdict == "no"
    assert "image[2] are free" in free.obstacles[0]


def test_what_does_not_fit_the_memory_is_refused_with_its_sizes(summary: ModelSummary) -> None:
    large = replace(summary, weight_bytes=16 << 20, size_bytes=16 << 20)
    micro = fit(large, "mcu-m7")
    assert micro.verdict == "no"
    assert "weights need 4.00 MiB at least" in micro.obstacles[0]
    assert any(
        "exceed the 8.00 MiB on the chip" in note for note in fit(replace(large, weight_bytes=64 << 20), "coral").notes
    )
    slot = replace(summary, weight_bytes=300 << 20, size_bytes=300 << 20)
    assert any("does not fit the 256 MiB of a slot" in note for note in fit(slot, "pi4").notes)
    assert fit(replace(slot, already_quantized=True), "pi4").verdict == "no"
