"""Steps that a sidecar does: the worker prepares and finishes, the supervisor runs it in between."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.optimize.engine import supervise
from edgeyard.optimize.engine.event import Event, StepDone, StepProgress
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.run_job import run_job
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from edgeyard.optimize.sidecar import catalog, run_sidecar
from edgeyard.optimize.sidecar.message import SidecarError, SidecarReply, SidecarRequest
from tests.unit.optimize import pass_bad

RECIPE = Recipe((RecipeStep("made", "outside"), RecipeStep("half-of-it", "fp16", "made"), RecipeStep("half", "fp16")))


class StandIn:
    """Does what `run_sidecar` would, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.trouble = ""

    def __call__(self, request: SidecarRequest, folder: Path, *, cancel: object, on_progress: object) -> SidecarReply:
        self.runs += 1
        if self.trouble:
            raise SidecarError("crash", self.trouble, "See its log.")
        on_progress(0.5, "half way")  # type: ignore[operator]
        data = (folder / request.inputs["model"]).read_bytes() + b"\x62\x00"
        (folder / request.output).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        return SidecarReply(request.output, len(data), sha256, {"tool": "1.0"}, ("Made outside.",))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    found = StandIn()
    monkeypatch.setattr(supervise, "work", pass_bad.work_with_sidecar)
    monkeypatch.setattr(run_sidecar, "run_sidecar", found)
    monkeypatch.setattr(catalog, "sidecar_obstacle", lambda _name: "")
    return found


def test_what_a_sidecar_made_is_finished_proven_kept_and_worked_on(
    toy: OptimizeJob, stand_in: StandIn, tmp_path: Path
) -> None:
    seen: list[Event] = []
    result = run_job(replace(toy, recipe=RECIPE), on_event=seen.append)
    assert {candidate.name for candidate in result.candidates} == {"fp32", "made", "half-of-it", "half"}
    assert result.rejected == ()
    assert "Made outside." in result.candidate("made").notes
    assert any(isinstance(event, StepProgress) and event.text == "half way" for event in seen)
    assert stand_in.runs == 1
    assert not list(toy.cache_dir.glob("*/sidecar/*"))
    again: list[Event] = []
    run_job(replace(toy, recipe=RECIPE, out_dir=tmp_path / "again"), on_event=again.append)
    assert stand_in.runs == 1
    assert all(event.cached for event in again if isinstance(event, StepDone))


def test_a_sidecar_that_fails_or_is_not_here_costs_its_own_steps(
    toy: OptimizeJob, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.trouble = "The tool crashed (signal 11)."
    result = run_job(replace(toy, recipe=RECIPE))
    assert [(each.name, each.cause) for each in result.rejected] == [("made", "failed"), ("half-of-it", "source")]
    assert "signal 11" in result.rejected[0].reason
    assert {candidate.name for candidate in result.candidates} == {"fp32", "half"}
    monkeypatch.setattr(catalog, "sidecar_obstacle", lambda _name: "Its environment is not made yet.")
    result = run_job(replace(toy, recipe=RECIPE))
    assert result.rejected[0].cause == "obstacle"
    assert "not made yet" in result.rejected[0].reason
