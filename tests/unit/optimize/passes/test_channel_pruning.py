"""Channel pruning as a pass: its promises, its words, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.channel_pruning import ChannelPruning, ChannelPruningSettings
from edgeyard.optimize.step import Trait
from tests.unit.optimize import net
from tests.unit.optimize.passes.step_given import given_for, run_pass

PASS = ChannelPruning()


@pytest.mark.parametrize("batch", ["N", 1])
@pytest.mark.parametrize(
    "settings",
    [
        {"fraction": 0.3, "multiple_of": 4},
        {"fraction": 0.5, "allocation": "uniform", "multiple_of": 1},
        {"fraction": 0.5, "allocation": "uniform", "score": "magnitude", "recover": False},
    ],
)
def test_it_makes_a_smaller_model_and_says_how_much(tmp_path: Path, batch: str | int, settings: dict) -> None:
    given = given_for(net.residual(inner=16, batch=batch), net.samples(), tmp_path)
    _, done = run_pass(PASS, given, tmp_path / "out.onnx", rows=1000, **settings)
    assert (tmp_path / "out.onnx").stat().st_size < given.source.stat().st_size
    assert done.figures["multiply_adds_after"] < done.figures["multiply_adds_before"]
    assert "multiply-adds are gone" in done.notes[0]
    assert ("refitted" in done.notes[0]) == settings.get("recover", True)


def test_it_refuses_when_nothing_can_go(tmp_path: Path) -> None:
    given = given_for(net.residual(), net.samples(), tmp_path)
    with pytest.raises(UserError, match="No channel can go") as refused:
        PASS.run(ChannelPruningSettings(multiple_of=64), given, tmp_path / "out.onnx")
    assert "multiples of 64" in refused.value.what
    assert not (tmp_path / "out.onnx").exists()


def test_it_says_when_less_could_go_than_was_asked_for(tmp_path: Path) -> None:
    given = given_for(net.residual(wide=8, inner=16), net.samples(), tmp_path)
    _, done = run_pass(PASS, given, tmp_path / "out.onnx", rows=1000, fraction=0.9)
    assert "90% was asked for" in done.notes[1]


def test_obstacles_are_said_in_words(tmp_path: Path) -> None:
    given = given_for(net.residual(), net.samples(), tmp_path)
    settings = ChannelPruningSettings()
    assert PASS.obstacle(settings, given) == ""
    assert "calibration" in PASS.obstacle(settings, replace(given, calibration=None))
    assert "32 calibration samples" in PASS.obstacle(settings, replace(given, calibration=net.samples(8)))
    assert "quantized" in PASS.obstacle(settings, replace(given, trait=Trait(precision="int8")))
    assert "ONNX" in PASS.obstacle(settings, replace(given, trait=Trait(file_format="tflite")))
    quantized = replace(given.summary, already_quantized=True)
    assert "quantized" in PASS.obstacle(settings, replace(given, summary=quantized))
    without = replace(given.summary, operators={"Relu": 2})
    assert "no Conv" in PASS.obstacle(settings, replace(given, summary=without))
    plain = ChannelPruningSettings(score="magnitude", recover=False)
    assert PASS.obstacle(plain, replace(given, calibration=None)) == ""


def test_a_small_budget_means_fewer_samples(tmp_path: Path) -> None:
    given = given_for(net.residual(inner=16), net.samples(), tmp_path, budget_s=1e-3)
    _, done = run_pass(PASS, given, tmp_path / "out.onnx", rows=1000, multiple_of=4)
    assert done.figures["samples"] == 32


def test_a_cancelled_job_stops_it(tmp_path: Path) -> None:
    def tell(_fraction: float, _text: str) -> None:
        raise InterruptedError

    given = given_for(net.residual(inner=16), net.samples(), tmp_path, tell=tell)
    with pytest.raises(InterruptedError):
        PASS.run(ChannelPruningSettings(), given, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_the_same_trait_comes_out(tmp_path: Path) -> None:
    assert PASS.trait(ChannelPruningSettings(), Trait()) == Trait()


def test_weights_that_are_computed_are_no_weights(tmp_path: Path) -> None:
    build = net.Net()
    weight = build.op("Reshape", build.normal(6 * 27), build.stored(np.array([6, 3, 3, 3])))
    model = build.model(build.op("GlobalAveragePool", build.op("Conv", "image", weight)), ["N", 6, 1, 1])
    with pytest.raises(UserError, match="No layer has its weights stored"):
        PASS.run(ChannelPruningSettings(), given_for(model, net.samples(), tmp_path), tmp_path / "out.onnx")
