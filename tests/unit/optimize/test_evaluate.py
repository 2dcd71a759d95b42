"""Proof from the file on disk: accuracy with its interval, agreement, latency against the original."""

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
from edgeyard.optimize.evaluate import evaluate_variants
from edgeyard.optimize.request import OptimizeRequest
from edgeyard.optimize.session import Session
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, tensor, value


def sets(toy: OptimizeRequest) -> tuple[Dataset, Dataset]:
    assert toy.golden is not None
    return load_dataset(toy.evaluation, toy.preprocessing), load_dataset(toy.golden, toy.preprocessing)


def test_the_original_is_measured_against_its_labels(toy: OptimizeRequest) -> None:
    evaluation, golden = sets(toy)
    evidence, problems = evaluate_variants({"fp32": toy.source}, evaluation, golden, 0.05)
    proof = evidence["fp32"]
    assert problems == {}
    assert proof.accuracy == pytest.approx(0.9)
    assert (proof.accuracy_low, proof.accuracy_high) == pytest.approx(wilson_interval(180, 200))
    assert (proof.samples, proof.agreement, proof.latency_ratio) == (200, 1.0, 1.0)
    assert (proof.golden_accuracy, proof.golden_samples) == (pytest.approx(0.9), 40)
    assert proof.latency_p50_ms is not None
    assert proof.latency_p95_ms is not None
    assert 0 < proof.latency_p50_ms <= proof.latency_p95_ms
    assert "onnxruntime" in proof.measured_on


def test_another_model_disagrees(toy: OptimizeRequest, tmp_path: Path) -> None:
    evaluation, golden = sets(toy)
    other = save(toy_model.classifier(seed=9), tmp_path / "other.onnx")
    evidence, _ = evaluate_variants({"fp32": toy.source, "fp16": other}, evaluation, golden, 0.05)
    assert evidence["fp16"].agreement is not None
    assert evidence["fp16"].agreement < 0.9
    assert evidence["fp16"].accuracy != evidence["fp32"].accuracy


def test_without_labels_there_is_agreement_but_no_accuracy(unlabelled: OptimizeRequest) -> None:
    evaluation, _ = sets(unlabelled)
    evidence, _ = evaluate_variants({"fp32": unlabelled.source}, evaluation, None, 0.05)
    assert evidence["fp32"].accuracy is None
    assert evidence["fp32"].golden_accuracy is None
    assert evidence["fp32"].agreement == 1.0


def test_a_variant_that_fails_is_reported_and_the_others_are_measured(toy: OptimizeRequest, tmp_path: Path) -> None:
    evaluation, golden = sets(toy)
    bad = save(toy_model.depth_to_space(), tmp_path / "bad.onnx")
    nan = toy_model.classifier()
    nan.graph.initializer[-1].CopyFrom(tensor("b3", np.full(4, np.nan, np.float32)))
    paths = {"fp32": toy.source, "fp16": bad, "int8-s8s8": save(nan, tmp_path / "nan.onnx")}
    evidence, problems = evaluate_variants(paths, evaluation, golden, 0.05)
    assert list(evidence) == ["fp32"]
    assert "checker" in problems["fp16"]
    assert "NaN" in problems["int8-s8s8"]


def test_when_the_original_fails_there_is_nothing_to_compare_with(toy: OptimizeRequest, tmp_path: Path) -> None:
    evaluation, golden = sets(toy)
    with pytest.raises(UserError, match="checker"):
        evaluate_variants({"fp32": save(toy_model.depth_to_space(), tmp_path / "bad.onnx")}, evaluation, golden, 0.05)


def test_a_model_that_does_twice_the_work_is_measured_as_slower(tmp_path: Path) -> None:
    def chain(products: int) -> Path:
        weights = tensor("w", np.eye(256, dtype=np.float32))
        names = ["x", *(f"t{i}" for i in range(1, products)), "y"]
        nodes = [helper.make_node("MatMul", [a, "w"], [b]) for a, b in itertools.pairwise(names)]
        shape = ["N", 256, 256]
        pool = helper.make_node("ReduceMean", ["y"], ["z"], axes=[2], keepdims=0)
        model = model_of([*nodes, pool], [value("x", shape)], [value("z", ["N", 256])], [weights])
        return save(model, tmp_path / f"{products}.onnx")

    x = np.random.default_rng(0).normal(size=(4, 256, 256)).astype(np.float32)
    dataset = Dataset(x, None, Preprocessing(), "")
    evidence, _ = evaluate_variants({"fp32": chain(2), "fp16": chain(8)}, dataset, None, 0.5)
    ratio = evidence["fp16"].latency_ratio
    assert ratio is not None
    assert 0.1 < ratio < 0.6


def test_a_fixed_batch_of_one_is_evaluated_sample_by_sample(toy: OptimizeRequest, tmp_path: Path) -> None:
    evaluation, golden = sets(toy)
    fixed = save(toy_model.classifier(batch=1), tmp_path / "fixed.onnx")
    evidence, problems = evaluate_variants({"fp32": toy.source, "fp16": fixed}, evaluation, golden, 0.05)
    assert problems == {}
    assert evidence["fp16"].agreement == 1.0


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
        Session(path).scores(dataset)


def test_onnxruntime_leaves_nothing_in_the_home_folder(tmp_path: Path, toy: OptimizeRequest) -> None:
    script = "import sys, edgeyard, onnxruntime\nonnxruntime.InferenceSession(sys.argv[1]).get_inputs()\n"
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: text for name, text in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    }
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", script, str(toy.source)], env=environment, check=True)
    assert list(home.rglob("*icrosoft*")) == []
