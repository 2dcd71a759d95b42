"""The parts of `tests/benchmark/optimize.py` that need neither the shared data nor another tool."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyard.optimize.recipe.read import read_recipe
from tests.benchmark.optimization.aims import BUDGET, CONTROL, OURS, aims, best_rival
from tests.benchmark.optimization.case import CASES
from tests.benchmark.optimization.decode_images import decode_images
from tests.benchmark.optimization.deep_network import write_deep_network
from tests.benchmark.optimization.environment import REQUIREMENTS
from tests.benchmark.optimization.judge import accuracy_row, measure, ratio
from tests.benchmark.optimization.pruning import pruning_aims, recipe_text
from tests.benchmark.optimization.rival import FOLDER, RIVALS, last_object
from tests.benchmark.optimization.run_tool import run_tool


def row(tool: str, times_faster: float | None, drop: float | None = 0.0, **more: Any) -> dict[str, Any]:
    return {"tool": tool, "latency_ratio": times_faster, "drop": drop, "agreement": 99.0, "wall_s": 5.0} | more


def found(models: dict[str, list[dict[str, Any]]], histogram: list[dict[str, Any]], word: str) -> dict[str, Any]:
    return next(aim for aim in aims(models, histogram) if word in aim["aim"])


def test_the_best_rival_is_the_fastest_that_can_still_be_used() -> None:
    rows = [row(OURS, 9.0), row("fp32-again", 8.0), row("slow", 1.1), row("fast", 2.0), row("wrong", 3.0, drop=4.0)]
    assert best_rival([*rows, row("broken", None)]) == rows[3]
    assert best_rival([row(OURS, 9.0)]) is None


def test_without_labels_a_rival_counts_by_its_agreement() -> None:
    rows = [row("good", 1.2, drop=None, agreement=99.5), row("bad", 1.9, drop=None, agreement=90.0)]
    assert best_rival(rows) == rows[0]


@pytest.mark.parametrize(("times_faster", "met"), [(2.0, True), (1.97, True), (1.9, False)])
def test_latency_is_held_against_the_best_rival_within_the_noise(times_faster: float, met: bool) -> None:
    aim = found({"ic": [row(OURS, times_faster), row("other", 2.0)]}, [], "best rival")
    assert aim["met"] is met
    assert aim["figure"] == pytest.approx(times_faster / 2)


def test_a_pick_that_is_slower_than_fp32_is_not_met() -> None:
    assert not found({"vww": [row(OURS, 0.9)]}, [], "not slower")["met"]
    assert found({"vww": [row(OURS, 1.0)]}, [], "not slower")["met"]


def test_a_model_without_a_picked_file_says_why() -> None:
    rows = [row(OURS, None) | {"failure": "exit code 2"}]
    (aim,) = aims({"ic": rows}, [])
    assert not aim["met"]
    assert aim["beside"] == "exit code 2"


def test_the_accuracy_budget_is_held_in_points_seconds_and_speed() -> None:
    rows = [row(OURS, 2.2, 0.2), row(BUDGET, 1.5, 0.1, wall_s=20.0), row(CONTROL, 1.06, 0.1, wall_s=48.0)]
    answered = [aim for aim in aims({"resnet20": rows}, []) if "budget of 0.1" in aim["aim"]]
    assert [aim["met"] for aim in answered] == [True, False, False]
    assert all("48.0 s, 1.06×" in aim["beside"] for aim in answered)


def test_keywords_need_ninety_percent() -> None:
    assert found({"kws": [row(OURS, 1.2, accuracy=90.0)]}, [], "1,000")["met"]
    assert not found({"kws": [row(OURS, 1.2, accuracy=89.9)]}, [], "1,000")["met"]


def test_histogram_calibration_is_held_against_400_mb() -> None:
    rows = [
        {"tool": "onnxruntime-entropy", "model": "a", "peak_mb": 2300},
        {"tool": f"{OURS}-entropy", "model": "a", "peak_mb": 380},
        {"tool": "onnxruntime-entropy", "model": "b", "peak_mb": 5900},
    ]
    aim = found({}, rows, "histogram")
    assert aim["met"]
    assert aim["beside"] == "onnxruntime-entropy: 2300 MB"


def test_a_calibration_that_failed_is_not_met() -> None:
    aim = found({}, [{"tool": f"{OURS}-entropy", "model": "a", "failure": "out of memory"}], "histogram")
    assert (aim["met"], aim["beside"]) == (False, "out of memory")


def test_the_network_of_many_layers_is_as_deep_as_it_says(tmp_path: Path) -> None:
    import onnx

    write_deep_network(tmp_path / "deep.onnx", blocks=1)
    operators = [node.op_type for node in onnx.load(tmp_path / "deep.onnx").graph.node]
    assert operators.count("Conv") == 1 + 3 * 2 + 2


def test_the_recipe_of_the_pruning_table_is_one() -> None:
    recipe = read_recipe(recipe_text())
    assert len(recipe.steps) == 3 * (1 + 2 + 2)
    plain = next(step for step in recipe.steps if step.id == "pruned-magnitude-12-5")
    assert (plain.settings["fraction"], plain.settings["recover"]) == (0.125, False)


def test_pruning_is_held_against_what_the_prototype_kept() -> None:
    rows = [{"tool": "pruned-refitted-12-5", "accuracy": 79.8}, {"tool": "pruned-refitted-25", "accuracy": 77.0}]
    assert [aim["met"] for aim in pruning_aims(rows)] == [True, False, False]
    assert pruning_aims([]) == []


def test_the_result_is_the_last_object_a_tool_prints() -> None:
    assert last_object('{"a": 1}\nprogress {"x"\n{"b": 2}\n{ not one\n') == {"b": 2}
    assert last_object("nothing") == {}


def test_every_rival_has_its_script_and_exact_versions() -> None:
    for rival in RIVALS:
        assert (FOLDER / rival.script).is_file()
        lines = (REQUIREMENTS / f"{rival.environment}.txt").read_text("utf-8").splitlines()
        assert lines
        assert all("==" in line and "/" not in line for line in lines)


def test_accuracy_is_compared_on_the_same_samples() -> None:
    y = np.zeros(100, np.int64)
    original, variant = y.copy(), y.copy()
    original[:10], variant[5:12] = 1, 1
    told = accuracy_row(variant, original, y)
    assert (told["accuracy"], told["drop"], told["agreement"]) == (93.0, -3.0, 93.0)
    low, high = told["drop_interval"]
    assert low < -3.0 < high
    assert accuracy_row(variant, original, None)["accuracy"] is None


def test_models_are_measured_in_turns_and_the_ratio_is_of_rounds() -> None:
    order: list[str] = []

    class Model:
        def __init__(self, name: str) -> None:
            self.name = name

        def run(self, x: np.ndarray) -> None:
            assert x.shape == (1, 2)
            order.append(self.name)

    times = measure({"a": Model("a"), "b": Model("b")}, np.zeros((3, 2), np.float32), seconds=0.0)  # type: ignore[dict-item]
    assert len(times["a"]) == len(times["b"]) == 2
    assert order[0] == "a"
    assert order[-1] == "a"
    assert ratio({"a": np.array([2.0, 4.0, 90.0]), "b": np.array([1.0, 2.0, 1.0])}, "a", "b") == 2.0


def test_keyword_features_and_images_are_prepared_as_their_models_take_them() -> None:
    shapes = {}
    for case in CASES:
        raw = (
            np.full((2, 490), 83, np.int8) if case.source == "kws" else np.zeros((2, case.side, case.side, 3), np.uint8)
        )
        shapes[case.name] = case.prepare(raw).shape
    assert shapes == {"resnet20": (2, 3, 32, 32), "ic": (2, 32, 32, 3), "kws": (2, 49, 10, 1), "vww": (2, 96, 96, 3)}


def test_images_are_drawn_by_seed_and_alternate_between_classes(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as archive:
        for shade, kind in enumerate(("bird", "cat")):
            for number in range(4):
                content = io.BytesIO()
                image.new("RGB", (8, 8), (shade * 200, 0, number)).save(content, "JPEG")
                member = tarfile.TarInfo(f"train/{kind}/{number:04}.jpg")
                member.size = len(content.getvalue())
                archive.addfile(member, io.BytesIO(content.getvalue()))
    x, y = decode_images(tmp_path / "some.tar.gz", 3, seed=5, side=16)
    assert x.shape == (6, 16, 16, 3)
    assert y.tolist() == [0, 1] * 3
    assert (x[1::2, 0, 0, 0] > 150).all()
    np.testing.assert_array_equal(x, decode_images(tmp_path / "some.tar.gz", 3, seed=5, side=16)[0])


def test_memory_of_a_tool_is_that_of_its_whole_tree(tmp_path: Path) -> None:
    inner = "import time; held = bytearray(b'x') * (80 << 20); time.sleep(0.5)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True); print('done')"
    run = run_tool([sys.executable, "-c", outer], tmp_path)
    assert (run.exit_code, run.stdout.strip()) == (0, "done")
    assert run.peak_bytes > 80 << 20


def test_a_tool_that_fails_leaves_its_last_words_and_one_that_hangs_is_ended(tmp_path: Path) -> None:
    failed = run_tool([sys.executable, "-c", "raise SystemExit('no room')"], tmp_path)
    assert (failed.exit_code, failed.last_words) == (1, "no room")
    assert run_tool([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, timeout_s=0.3).exit_code != 0
