"""The whole way, in worker processes: what comes out, what is kept, and that what goes wrong costs one artifact."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.engine import supervise
from edgeyard.optimize.engine.event import CandidateProven, Event, JobPicked, JobPlanned, StepDone, StepStarted
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.profile import find_profiles
from edgeyard.optimize.engine.result_folder import RESULT_FILE, load_result
from edgeyard.optimize.engine.run_job import plan_job, run_job
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from edgeyard.optimize.worker_answer import JobCancelledError, WorkerCrashError
from edgeyard.trust.artifact_file import hash_file
from tests.unit.optimize import pass_bad, toy_model
from tests.unit.optimize.pass_bad import bad_recipe


def by_type(events: list[Event]) -> dict[type, list]:
    found = defaultdict(list)
    for event in events:
        found[type(event)].append(event)
    return found


def test_every_profile_gets_a_proven_variant_with_reasons_and_it_is_not_made_twice(
    toy: OptimizeJob, tmp_path: Path
) -> None:
    seen: list[Event] = []
    result = run_job(toy, on_event=seen.append)
    assert set(result.picked) == {"pi5", "jetson-orin-nano", "x86-vnni"}
    assert all(result.picked.values())
    assert {"fp32", "fp16", "int8-s8s8", "int8-u8s8"} <= {candidate.name for candidate in result.candidates}
    assert result.samples == {"evaluation": 200, "calibration": 60, "golden": 40}
    for candidate in result.candidates:
        assert set(candidate.reasons) == set(result.picked)
        assert candidate.profiles == tuple(name for name, picked in result.picked.items() if picked == candidate.name)
        assert (candidate.sha256, candidate.size_bytes) == hash_file(candidate.path)
        assert candidate.path == toy.out_dir / f"{candidate.name}.onnx"
        assert candidate.evidence.golden_samples == 40
        assert candidate.evidence.label == "host"
        assert "one thread" in candidate.measurements[0].measured_on
        assert candidate.lineage["source"] == result.summary.sha256
        assert len(candidate.lineage["recipe"]) == 64
    original = result.candidates[0]
    assert (original.name, original.sha256) == ("fp32", hash_file(toy.source)[0])
    assert (original.evidence.difference, original.evidence.p_value) == (0.0, 1.0)
    assert result.golden_sha256 == hash_file(tmp_path / "golden.npz")[0]

    files = {path.name for path in toy.out_dir.iterdir()}
    assert files == {f"{candidate.name}.onnx" for candidate in result.candidates} | {RESULT_FILE}
    assert load_result(toy.out_dir) == result
    assert not list(tmp_path.glob(".*"))
    assert not list(toy.cache_dir.glob("*/.work-*"))

    fractions = [event.fraction for event in seen]
    assert fractions == sorted(fractions)
    assert (fractions[-1], type(seen[-1])) == (1.0, JobPicked)
    events = by_type(seen)
    assert len(events[JobPlanned]) == 1
    assert {event.candidate.name for event in events[CandidateProven]} == {each.name for each in result.candidates}

    again: list[Event] = []
    second = run_job(replace(toy, out_dir=tmp_path / "again"), on_event=again.append)
    repeated = by_type(again)
    assert all(event.cached for event in repeated[StepDone])
    made_again = {event.step for event in repeated[StepStarted] if event.phase == "run"}
    assert made_again == {entry.name for entry in result.rejected if entry.cause == "failed"}
    assert second.picked == result.picked
    for one, other in zip(result.candidates, second.candidates, strict=True):
        assert (one.sha256, one.evidence, one.lineage) == (other.sha256, other.evidence, other.lineage)


def test_whatever_passes_die_of_the_others_go_on(toy: OptimizeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "work", pass_bad.work_badly)
    recipe = bad_recipe("raise", "crash", "memory", "hang", "disk", "rubbish", "link", "obstacle", "nan", "copy")
    after = RecipeStep("after-raise", "fp16", source="raise")
    recipe = Recipe((*recipe.steps[:5], after, *recipe.steps[5:]))
    result = run_job(replace(toy, recipe=recipe, budget_s=600))
    causes = {entry.name: (entry.cause, entry.reason) for entry in result.rejected}
    assert {name: cause for name, (cause, _) in causes.items()} == {
        "raise": "failed",
        "crash": "crashed",
        "memory": "memory",
        "hang": "budget",
        "disk": "disk",
        "rubbish": "unproven",
        "link": "failed",
        "obstacle": "obstacle",
        "nan": "unproven",
        "after-raise": "source",
    }
    for name, words in {
        "raise": "no such operator",
        "crash": "SIGSEGV",
        "hang": "given up",
        "disk": "no room on the disk",
        "rubbish": "checker refuses",
        "nan": "NaN",
        "after-raise": "was not made",
    }.items():
        assert words in causes[name][1]
    assert [candidate.name for candidate in result.candidates] == ["fp32", "copy"]
    assert result.candidates[1].notes[0] == "Went copy."
    assert any("ended its worker" in line for line in result.log)
    assert sorted(path.name for path in toy.out_dir.iterdir()) == ["copy.onnx", "fp32.onnx", RESULT_FILE]


def test_a_step_is_spared_when_an_earlier_one_loses_little_and_no_step_starts_after_the_budget(
    toy: OptimizeJob,
) -> None:
    steps = (
        RecipeStep("half", "fp16"),
        RecipeStep("spared", "fp16", settings={"keep_operators": ["Conv"]}, unless="half"),
        RecipeStep("spared-too", "fp16", unless="spared"),
        RecipeStep("hidden", "fp16", settings={"keep_operators": ["Gemm"]}, offer=False),
    )
    result = run_job(replace(toy, recipe=Recipe(steps)))
    assert [entry.cause for entry in result.rejected] == ["unneeded", "unneeded"]
    assert [candidate.name for candidate in result.candidates] == ["fp32", "half"]
    late = RecipeStep("late", "fp16", settings={"keep_operators": ["Relu"]})
    result = run_job(replace(toy, recipe=Recipe((*steps, late)), budget_s=0.001))
    assert any("first 100 of 200 evaluation samples" in line for line in result.log)
    assert result.samples["evaluation"] == 100
    assert result.ended == "budget"
    assert {entry.name: entry.cause for entry in result.rejected} == {
        "spared": "unneeded",
        "spared-too": "unneeded",
        "late": "budget",
    }
    assert result.candidate("half").evidence.accuracy is not None


@pytest.mark.parametrize(
    ("stand_in", "words"),
    [
        (pass_bad.work_and_lie, "fp16 is not the one"),
        (pass_bad.work_and_point_elsewhere, "fp32 is not the one"),
        (pass_bad.work_and_babble, "no event"),
    ],
)
def test_a_worker_that_lies_is_not_believed(
    toy: OptimizeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: Callable, words: str
) -> None:
    monkeypatch.setattr(supervise, "work", stand_in)
    with pytest.raises(WorkerCrashError, match=words):
        run_job(replace(toy, recipe=Recipe((RecipeStep("fp16", "fp16"),))))
    assert not toy.out_dir.exists()
    assert not list(tmp_path.glob(".*"))


def test_cancelling_leaves_no_result_but_what_was_finished(toy: OptimizeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "work", pass_bad.work_badly)
    cancel, seen = threading.Event(), list[Event]()

    def listen(event: Event) -> None:
        seen.append(event)
        if isinstance(event, StepStarted) and event.step == "hang":
            cancel.set()

    job = replace(toy, recipe=bad_recipe("copy", "hang"))
    with pytest.raises(JobCancelledError, match="go on from what was finished"):
        run_job(job, on_event=listen, cancel=cancel)
    assert not toy.out_dir.exists()
    result = run_job(replace(job, recipe=bad_recipe("copy")), on_event=seen.append)
    assert by_type(seen)[StepDone][-1].cached
    assert [candidate.name for candidate in result.candidates] == ["fp32", "copy"]


def test_a_plan_says_what_will_run_and_what_will_not_before_anything_is_made(toy: OptimizeJob) -> None:
    found = plan_job(replace(toy, data=replace(toy.data, calibration=None)))
    obstacles = {step.id: step.obstacle for step in found.plan.steps}
    assert obstacles["fp16"] == ""
    assert "calibration" in obstacles["int8-s8s8"]
    assert found.plan.cost_s > 0
    assert not (toy.cache_dir / found.summary.sha256 / "steps").exists()
    assert not toy.out_dir.exists()


def test_an_earlier_result_is_replaced_but_nothing_else_is(toy: OptimizeJob) -> None:
    recipe = Recipe((RecipeStep("fp16", "fp16"),))
    run_job(replace(toy, recipe=recipe))
    run_job(replace(toy, recipe=recipe, profiles=find_profiles(["pi4"])))
    assert set(load_result(toy.out_dir).picked) == {"pi4"}
    (toy.out_dir / RESULT_FILE).unlink()
    with pytest.raises(UserError, match="something else"):
        run_job(toy)
    with pytest.raises(UserError, match="no complete result"):
        load_result(toy.out_dir)


def test_one_data_set_is_divided_and_without_labels_agreement_judges(toy: OptimizeJob, tmp_path: Path) -> None:
    whole = toy_model.save_set(tmp_path / "whole.npz", toy_model.images(300, 5))
    recipe = Recipe((RecipeStep("fp16", "fp16"),))
    result = run_job(replace(toy, data=DataFiles(whole=whole), recipe=recipe))
    assert result.samples == {"calibration": 90, "evaluation": 210}
    assert result.candidate("fp16").evidence.accuracy is None
    assert result.candidate("fp16").evidence.agreement == pytest.approx(1.0, abs=0.01)
    assert result.picked["jetson-orin-nano"] == "fp16"


def half_input() -> bytes:
    model = toy_model.classifier()
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.elem_type = TensorProto.FLOAT16
    for weights in model.graph.initializer:
        array = onnx.numpy_helper.to_array(weights).astype("float16")
        weights.CopyFrom(onnx.numpy_helper.from_array(array, weights.name))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profiles": ()}, "No hardware profile"),
        ({"preprocessing": Preprocessing("NHWC")}, "evaluation set gives the model samples of 8×8×3"),
        ({"data": DataFiles()}, "no data"),
        ({"data": DataFiles(whole=Path("/nowhere"))}, "no data set"),
        ({"source": Path("/nowhere.onnx")}, "no file"),
        ({"out_dir": Path("/proc/nowhere")}, "cannot be written"),
        ({"cache_dir": Path("/proc/nowhere")}, "cannot be copied"),
    ],
)
def test_a_job_that_does_not_fit_is_refused_and_nothing_is_written(
    toy: OptimizeJob, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run_job(replace(toy, **change))  # type: ignore[arg-type]
    assert not toy.out_dir.exists()
    assert not list(tmp_path.glob(".*"))


def test_hostile_models_and_data_are_refused_in_words(toy: OptimizeJob, tmp_path: Path) -> None:
    def refused(words: str, job: OptimizeJob = toy) -> None:
        with pytest.raises(UserError, match=words):
            run_job(job)

    golden = toy_model.save_set(tmp_path / "other.npz", toy_model.images(10))
    refused("golden set has no labels", replace(toy, data=replace(toy.data, golden=golden)))
    labels = toy_model.images(10)[:, 0, 0, 0] % 4 + 4
    high = toy_model.save_set(tmp_path / "high.npz", toy_model.images(10), labels)
    refused("label 7|label 6|label 5", replace(toy, data=DataFiles(whole=high)))
    few = toy_model.save_set(tmp_path / "few.npz", toy_model.images(5))
    refused("5 samples", replace(toy, data=DataFiles(whole=few)))
    toy.source.write_bytes(half_input())
    refused("takes float16")
    toy_model.save(toy_model.exploding_shape(), toy.source)
    refused("2.3 GiB")
    assert not toy.out_dir.exists()
