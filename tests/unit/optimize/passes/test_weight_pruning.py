"""Weight pruning as a pass: honest about what it gains."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.weight_pruning import WeightPruning, WeightPruningSettings
from tests.unit.optimize import net
from tests.unit.optimize.passes.step_given import given_for, run_pass

PASS = WeightPruning()


@pytest.mark.parametrize("settings", [{"sparsity": 0.7}, {"pattern": "2:4"}, {"recover": False}])
def test_it_makes_zeros_and_says_that_they_are_not_faster(tmp_path: Path, settings: dict) -> None:
    given = given_for(net.residual(inner=16), net.samples(), tmp_path)
    _, done = run_pass(PASS, given, tmp_path / "out.onnx", rows=1000, min_weights=500, **settings)
    share = done.figures["zeros"] / done.figures["weights"]
    assert share == pytest.approx(settings.get("sparsity", 0.5), abs=0.02)
    assert done.figures["compressed_bytes_after"] < done.figures["compressed_bytes_before"]
    assert "not speed" in done.notes[1]
    assert "not speed" in PASS.text


def test_it_refuses_models_of_small_layers(tmp_path: Path) -> None:
    given = given_for(net.residual(), net.samples(), tmp_path)
    with pytest.raises(UserError, match="nothing was set to 0"):
        PASS.run(WeightPruningSettings(min_weights=10_000), given, tmp_path / "out.onnx")


def test_only_refitting_needs_samples(tmp_path: Path) -> None:
    given = replace(given_for(net.residual(), net.samples(), tmp_path), calibration=None)
    assert PASS.obstacle(WeightPruningSettings(recover=False), given) == ""
    assert "calibration" in PASS.obstacle(WeightPruningSettings(), given)
