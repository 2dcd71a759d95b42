"""Early exit as a pass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import TensorContract
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.early_exit import EarlyExit, EarlyExitSettings
from edgeyard.optimize.step import StepInput
from tests.unit.optimize import net
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.prune.test_exit import two_kinds

PASS = EarlyExit()


def easy(tmp_path: Path, labels: bool = True, batch: str | int = "N") -> StepInput:
    """A model and samples of which half can be told apart early."""
    data = two_kinds(300)
    model = net.residual(batch=batch)
    truth = net.run(net.residual(), data.x).argmax(axis=1)
    return given_for(model, Dataset(data.x, truth if labels else None, data.preprocessing, ""), tmp_path)


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("batch", ["N", 1])
def test_it_says_how_many_leave_and_what_that_costs(tmp_path: Path, labels: bool, batch: str | int) -> None:
    _, done = run_pass(PASS, easy(tmp_path, labels, batch), tmp_path / "out.onnx", max_drop=0.2, min_saving=0.01)
    chosen = done.figures["chosen"]
    assert 0 < chosen["exit_rate"] <= 1
    assert chosen["right"] >= chosen["right_before"] - 0.2
    assert "held-out samples leave" in done.notes[0]
    assert "mean over real ones" in done.notes[1]
    assert len(done.figures["tried"]) >= 1


def test_as_further_outputs_the_first_answers_as_before(tmp_path: Path) -> None:
    given = easy(tmp_path)
    model, _ = run_pass(PASS, given, tmp_path / "out.onnx", form="outputs", max_drop=0.2, min_saving=0.01)
    assert [value.name for value in model.graph.output][1:] == ["exit_scores", "exit_confidence"]
    x = net.samples(5).x
    assert np.allclose(net.run(model, x), net.run(net.residual(), x), atol=1e-5)


def test_it_refuses_an_exit_that_does_not_pay(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No exit pays"):
        PASS.run(EarlyExitSettings(max_drop=0.0), easy(tmp_path), tmp_path / "out.onnx")
    with pytest.raises(UserError, match="no place to leave"):
        PASS.run(EarlyExitSettings(earliest=0.61, latest=0.62), easy(tmp_path), tmp_path / "out.onnx")


def test_obstacles_are_said_in_words(tmp_path: Path) -> None:
    given, settings = easy(tmp_path), EarlyExitSettings()
    summary = given.summary
    assert PASS.obstacle(settings, given) == ""
    assert PASS.obstacle(settings, replace(given, summary=replace(summary, already_quantized=True))) == ""
    assert "calibration" in PASS.obstacle(settings, replace(given, calibration=None))
    assert "64 calibration" in PASS.obstacle(settings, replace(given, calibration=net.samples(40)))
    assert "opset 9" in PASS.obstacle(settings, replace(given, summary=replace(summary, opset=8)))
    two = replace(summary, outputs=summary.outputs * 2)
    assert "2 outputs" in PASS.obstacle(settings, replace(given, summary=two))
    image = replace(summary, outputs=(TensorContract("y", "float32", (None, 4, 8, 8)),))
    assert "classes" in PASS.obstacle(settings, replace(given, summary=image))
