"""Proof from the file on disk: accuracy with its interval, agreement, latency against the original, memory."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.statistic import wilson_interval
from edgeyard.optimize.dataset import Dataset, load_dataset
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.proof.check_file import check_file
from edgeyard.optimize.proof.latency import measure_latency
from edgeyard.optimize.proof.memory import MemoryProbe
from edgeyard.optimize.proof.numerics import MAX_SQNR_DB, compare_scores, sqnr_db
from edgeyard.optimize.proof.prove import Prover
from edgeyard.optimize.runtime.onnx_session import OnnxSession
from edgeyard.optimize.step import Trait
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, tensor, value


class NoProbe(MemoryProbe):
    """Forks nothing out of the test run."""

    def __init__(self) -> None:
        self._pid = 0


def prover(toy: OptimizeJob) -> Prover:
    assert toy.data.evaluation is not None
    assert toy.data.golden is not None
    evaluation = load_dataset(toy.data.evaluation, toy.preprocessing)
    golden = load_dataset(toy.data.golden, toy.preprocessing)
    return Prover(toy.source, evaluation, golden, NoProbe(), screening_s=0.02)


def test_the_original_is_measured_against_its_labels(toy: OptimizeJob) -> None:
    proof = prover(toy).prove(toy.source, Trait()).evidence
    assert proof.accuracy == pytest.approx(0.9)
    assert (proof.accuracy_low, proof.accuracy_high) == pytest.approx(wilson_interval(180, 200))
    assert (proof.samples, proof.agreement, proof.latency_ratio) == (200, 1.0, 1.0)
    assert (proof.golden_accuracy, proof.golden_samples) == (pytest.approx(0.9), 40)
    assert proof.latency_p50_ms is not None
    assert proof.latency_p95_ms is not None
    assert 0 < proof.latency_p50_ms <= proof.latency_p95_ms
    assert "onnxruntime" in proof.measured_on
    assert proof.sqnr_db == MAX_SQNR_DB


def test_another_model_disagrees_and_the_paired_test_says_how_surely(toy: OptimizeJob, tmp_path: Path) -> None:
    other = save(toy_model.classifier(seed=9), tmp_path / "other.onnx")
    proof = prover(toy).prove(other, Trait()).evidence
    assert proof.agreement is not None
    assert proof.agreement < 0.9
    assert proof.accuracy is not None
    assert proof.difference == pytest.approx(proof.accuracy - 0.9)
    assert proof.difference_low is not None
    assert proof.difference_high is not None
    assert proof.difference_low < proof.difference < proof.difference_high < 0
    assert proof.p_value is not None
    assert proof.p_value < 1e-6
    assert proof.sqnr_db is not None
    assert proof.sqnr_db < 10


def test_what_is_hopeless_is_judged_on_the_first_samples_only(toy: OptimizeJob, tmp_path: Path) -> None:
    proves = prover(toy)
    x, y = np.concatenate([proves.evaluation.x] * 3), np.concatenate([proves.evaluation.y] * 3)
    proves.evaluation = Dataset(x, y, proves.evaluation.preprocessing, "")
    other = save(toy_model.classifier(seed=9), tmp_path / "other.onnx")
    part = proves.prove(other, Trait(), lambda evidence, _measured: "it is bad." if evidence.p_value < 0.01 else "")  # type: ignore[operator]
    assert (part.evidence.samples, part.notes) == (500, ("Judged on the first 500 samples only: it is bad.",))
    whole = proves.prove(other, Trait())
    assert (whole.evidence.samples, whole.notes) == (600, ())
    assert whole.evidence.sqnr_db != part.evidence.sqnr_db


def test_what_cannot_be_run_here_is_noted_and_has_no_figures(toy: OptimizeJob) -> None:
    proof = prover(toy).prove(toy.source, Trait("fp16", "", "coreml", "coreml"))
    assert (proof.evidence.accuracy, proof.evidence.agreement, proof.measurements) == (None, None, ())
    assert "Core ML" in proof.notes[0]


def test_bad_files_are_refused_in_words(toy: OptimizeJob, tmp_path: Path) -> None:
    nan = toy_model.classifier()
    nan.graph.initializer[-1].CopyFrom(tensor("b3", np.full(4, np.nan, np.float32)))
    with pytest.raises(UserError, match="NaN"):
        prover(toy).prove(save(nan, tmp_path / "nan.onnx"), Trait())
    with pytest.raises(UserError, match="checker"):
        check_file(save(toy_model.depth_to_space(), tmp_path / "bad.onnx"), Trait())
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="wrote nothing"):
        check_file(tmp_path / "empty", Trait())


def test_an_original_that_gives_one_class_only_is_said_to_prove_nothing(toy: OptimizeJob, tmp_path: Path) -> None:
    constant = toy_model.classifier()
    constant.graph.initializer[-1].CopyFrom(tensor("b3", np.array([1e6, 0, 0, 0], np.float32)))
    proves = prover(toy)
    proves.original = save(constant, tmp_path / "constant.onnx")
    assert "same class" in proves.prove(proves.original, Trait()).notes[0]


def test_a_fixed_batch_of_one_is_evaluated_sample_by_sample(toy: OptimizeJob, tmp_path: Path) -> None:
    fixed = save(toy_model.classifier(batch=1), tmp_path / "fixed.onnx")
    assert prover(toy).prove(fixed, Trait()).evidence.agreement == 1.0


def test_noise_is_the_quotient_of_powers_in_decibels() -> None:
    reference = np.array([[3.0, 4.0]], np.float32)
    assert sqnr_db(reference, reference * 0.9) == pytest.approx(20.0, abs=1e-4)
    assert sqnr_db(reference, reference) == MAX_SQNR_DB
    assert sqnr_db(reference * 0, reference) == -MAX_SQNR_DB


def test_gains_and_losses_are_counted_against_the_original() -> None:
    labels = np.array([0, 1, 0, 1, 0])
    right = np.eye(2, dtype=np.float32)[labels]
    before, after = right.copy(), right.copy()
    before[0] = before[0][::-1]
    after[[1, 2]] = after[[1, 2], ::-1]
    found = compare_scores(after, before, labels)
    assert (found.accuracy, found.agreement) == (0.6, 0.4)
    assert found.difference == pytest.approx(-0.2)
    assert found.p_value == 1.0
    assert compare_scores(after, before, None).accuracy is None
    assert compare_scores(after[:, :1], before, labels).sqnr_db is None


def test_a_model_that_does_four_times_the_work_is_measured_as_slower(tmp_path: Path) -> None:
    def chain(products: int) -> OnnxSession:
        weights = tensor("w", np.eye(256, dtype=np.float32))
        names = ["x", *(f"t{i}" for i in range(1, products)), "y"]
        nodes = [helper.make_node("MatMul", [a, "w"], [b]) for a, b in itertools.pairwise(names)]
        shape = ["N", 256, 256]
        pool = helper.make_node("ReduceMean", ["y"], ["z"], axes=[2], keepdims=0)
        model = model_of([*nodes, pool], [value("x", shape)], [value("z", ["N", 256])], [weights])
        return OnnxSession(save(model, tmp_path / f"{products}.onnx"))

    x = np.random.default_rng(0).normal(size=(4, 256, 256)).astype(np.float32)
    sessions = {"fp32": chain(2), "long": chain(8)}
    found = measure_latency(sessions, "fp32", Dataset(x, None, Preprocessing(), ""), 0.4)
    assert 0.02 < found["long"].ratio < 0.8
    assert found["fp32"].ratio == 1.0
    if found["long"].ratio_low is not None:
        assert found["long"].ratio_low <= found["long"].ratio <= (found["long"].ratio_high or 0)


_PEAK = """
import sys, numpy as np
from pathlib import Path
from edgeyard.optimize.proof.memory import MemoryProbe
from edgeyard.optimize.step import Trait
with MemoryProbe() as probe:
    for name in sys.argv[1:]:
        print(probe.peak_bytes(Path(name), Trait(), np.zeros((1, 4), np.float32)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from /proc")
def test_the_peak_of_memory_is_that_of_the_model_alone(tmp_path: Path) -> None:
    def with_weights(side: int) -> str:
        nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
        weights = [tensor("a", np.ones((4, side), np.float32)), tensor("b", np.ones((side, side), np.float32))]
        model = model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", side])], weights)
        return str(save(model, tmp_path / f"{side}.onnx"))

    large, small = with_weights(4000), with_weights(10)
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, large, str(tmp_path / "bad.onnx"), small],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    )
    first, bad, second = done.stdout.split()
    assert bad == "None"
    assert int(first) > 64_000_000  # the weights of `large`
    assert int(second) < 40_000_000  # and nothing of them is left in the next measurement


@pytest.mark.parametrize(
    ("nodes", "output", "words"),
    [
        ([helper.make_node("Relu", ["x"], ["y"])], ["N", 3, 8, 8], "only classifiers"),
        ([helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0, axes=[0, 2, 3])], [3], "only classifiers"),
        ([helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0, axes=[0, 1])], [8, 8], "answers for 20 samples"),
    ],
)
def test_what_is_no_classifier_is_refused_in_words(tmp_path: Path, nodes, output, words: str) -> None:  # type: ignore[no-untyped-def]
    path = save(model_of(nodes, [value("x", ["N", 3, 8, 8])], [value("y", output)]), tmp_path / "m.onnx")
    dataset = Dataset(toy_model.images(20).transpose(0, 3, 1, 2), None, Preprocessing(), "")
    with pytest.raises(UserError, match=words):
        OnnxSession(path).scores(dataset)


def test_onnxruntime_leaves_nothing_in_the_home_folder(tmp_path: Path, toy: OptimizeJob) -> None:
    script = "import sys, edgeyard, onnxruntime\nonnxruntime.InferenceSession(sys.argv[1]).get_inputs()\n"
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: text for name, text in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    }
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", script, str(toy.source)], env=environment, check=True)
    assert list(home.rglob("*icrosoft*")) == []
