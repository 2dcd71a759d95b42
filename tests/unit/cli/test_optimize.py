"""`edgeyard optimize`: what it prints, its exit codes, and one line for whatever cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeyard.cli.main import main
from tests.unit.optimize import toy_model
from tests.unit.optimize.conftest import toy_job

RECIPE = "steps:\n- {id: half, pass: fp16}\n- {id: int8, pass: int8-static, settings: {form: s8s8}}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optimize")
    job = toy_job(folder)
    assert job.data.evaluation is not None
    loaded = np.load(job.data.evaluation)
    x = ((loaded["x"].astype(np.float32) / 255 - 0.5) / 0.25).transpose(0, 3, 1, 2)
    np.savez(folder / "data.npz", x=np.ascontiguousarray(x), y=loaded["y"])
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def arguments(files: Path, *more: str) -> list[str]:
    return [
        "optimize", str(files / "toy.onnx"), "--data", str(files / "data.npz"), "--cache", str(files / "cache"),
        "--recipe", str(files / "recipe.yaml"), "--out", str(files / "out"), "--max-drop", "5", *more,
    ]  # fmt: skip


def test_json_has_what_is_picked_per_profile_and_every_candidate_with_its_reason(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments(files, "--profile", "pi5", "--profile", "jetson-orin-nano,host", "--json"))
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert captured.err == ""
    assert code == 0
    picked = {entry["profile"]: entry for entry in said["picked"]}
    assert set(picked) == {"pi5", "jetson-orin-nano", "host"}
    assert (picked["pi5"]["name"], picked["jetson-orin-nano"]["name"]) == ("int8", "half")
    for entry in picked.values():
        assert Path(entry["path"]).stat().st_size == entry["size_bytes"]
        assert (entry["runtime"], entry["format"]) == ("onnxruntime", "onnx")
        low, high = entry["accuracy_interval"]
        assert low <= entry["accuracy"] <= high
        assert entry["latency_ratio"] > 0
        assert "onnxruntime" in entry["measured_on"]
        assert entry["label"] == "host"
        assert set(entry["reasons"]) == {"fp32", "half", "int8"}
    assert picked["host"]["measured_for_profile"]
    assert not picked["pi5"]["measured_for_profile"]
    assert {entry["name"] for entry in said["candidates"]} == {"fp32", "half", "int8"}
    assert all(entry["why"] for entry in said["candidates"])


def test_people_get_a_table_and_a_sentence_per_profile(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(files, "--profile", "pi5")) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split() == ["variant", "bytes", "accuracy", "points", "speed", "here", "picked", "for"]
    assert "pi5: int8. Chosen: " in said


def test_when_no_variant_meets_the_budget_the_original_is_kept_and_the_code_is_1(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(files, "--profile", "pi5", "--max-size", "10B", "--json")) == 1
    said = json.loads(capsys.readouterr().out)
    (picked,) = said["picked"]
    assert (picked["name"], picked["meets_budget"]) == ("fp32", False)
    assert "over the budget" in picked["reasons"]["int8"]


def test_a_bound_may_be_for_one_kind_of_hardware_only(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = ("--max-size", "pi5=10B", "--max-size", "1GB", "--max-memory", "1GB", "--max-latency", "pi4=1000")
    assert main(arguments(files, "--profile", "pi4", "pi5", *bounds, "--json")) == 1
    picked = {entry["profile"]: entry for entry in json.loads(capsys.readouterr().out)["picked"]}
    assert picked["pi4"]["meets_budget"]
    assert not picked["pi5"]["meets_budget"]
    assert main(arguments(files, "--profile", "pi4", "--max-size", "pi5=10B")) == 2
    assert "'pi5' is not served. Choose from pi4." in capsys.readouterr().err


def test_the_plan_says_what_would_be_done_and_does_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "planned"
    assert main(arguments(files, "--profile", "pi5", "--plan", "--out", str(out))) == 0
    assert "half" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--budget", "soon"], "--budget 'soon' is not understood. Write it as 60s, 5m or 1h."),
        (["--budget", "0s"], "out of range"),
        (["--memory", "2 apples"], "--memory '2 apples' is not understood"),
        (["--memory", "1MB"], "too little"),
        (["--max-drop", "200"], "out of range"),
        (["--prune", "1.5"], "between 0 and 1"),
        (["--profile", "toaster"], "There is no hardware profile 'toaster'. Choose from"),
        (["--data", "/nowhere.npz"], "no data set /nowhere.npz"),
        (["--recipe", "/nowhere.yaml"], "cannot be read"),
        (["--preprocessing", "/nowhere.json"], "/nowhere.json"),
        (["--out", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_bad_input_is_code_2_and_one_line_that_says_what_to_do(
    files: Path, capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    assert main(arguments(files, *change)) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_bad_model_is_code_2_and_one_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = toy_model.save(toy_model.depth_to_space(), files / "bad.onnx")
    assert main([*arguments(files)[:1], str(bad), *arguments(files)[2:]]) == 2
    said = capsys.readouterr().err
    assert "checker refuses" in said
    assert said.count("\n") == 1
