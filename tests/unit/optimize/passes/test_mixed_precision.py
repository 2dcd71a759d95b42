"""The search for a mixture of int8 and 32 bits, as a step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.mixed_precision import MixedPrecision
from edgeyard.optimize.step import Memo
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import noise, run
from tests.unit.optimize.toy_model import model_of, value

X = noise(160, 3, 8, 8) + 2 * noise(160, 3, 1, 1, seed=9)


def fragile() -> onnx.ModelProto:
    """Four layers; between the first two one channel has huge values that the second makes small again."""
    stock, node = networks.Stock(), helper.make_node
    nodes = [
        node("Conv", ["x", stock.weights("w1", 8, 3, 3, 3)], ["c1"], "one", pads=[1] * 4),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", stock.weights("w2", 8, 8, 3, 3)], ["c2"], "two", pads=[1] * 4),
        node("Relu", ["c2"], ["r2"]),
        node("Conv", ["r2", stock.weights("w3", 8, 8, 3, 3)], ["c3"], "three", pads=[1] * 4),
        node("Relu", ["c3"], ["r3"]),
        node("GlobalAveragePool", ["r3"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node(
            "Gemm",
            ["f", stock.weights("w4", 4, 8), stock.constant("b4", np.zeros(4, np.float32))],
            ["y"],
            "four",
            transB=1,
        ),
    ]
    model = model_of(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 4])], stock.tensors)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if tensor.name == "w1":
            values[3] *= 3000
        if tensor.name == "w2":
            values[:, 3] /= 3000
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    # So that all classes occur.
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "b4")
    bias.CopyFrom(numpy_helper.from_array(-run(model, X).mean(axis=0), "b4"))
    return model


def data(model: onnx.ModelProto, labelled: bool = True) -> Dataset:
    return Dataset(X, run(model, X).argmax(1).astype(np.int64) if labelled else None, Preprocessing(), "")


def test_when_all_int8_does_everything_is_int8(tmp_path: Path) -> None:
    model = networks.residual(16)
    given = given_for(model, data(model), tmp_path)
    quantized, done = run_pass(MixedPrecision(), given, tmp_path / "v.onnx", max_drop=0.2, form="s8s8")
    assert done.complete
    assert done.figures["meets"]
    assert [row["type"] for row in done.figures["layers"]] == ["int8", "int8", "int8"]
    assert len(done.figures["search"]) == 1
    assert (run(quantized, X).argmax(1) == run(model, X).argmax(1)).mean() > 0.9


@pytest.mark.parametrize("labelled", [True, False])
def test_the_harmful_layers_stay_in_32_bits(tmp_path: Path, labelled: bool) -> None:
    model = fragile()
    given = given_for(model, data(model, labelled), tmp_path)
    settings = {"max_drop": 0.1, "form": "s8s8", "calibration": "minmax", "bias_samples": 0}
    _, done = run_pass(MixedPrecision(), given, tmp_path / "v.onnx", **settings)
    rows = {row["name"]: row for row in done.figures["layers"]}
    assert max(rows[name]["sqnr_db"] for name in ("one", "two")) < rows["three"]["sqnr_db"] - 10
    assert [row["type"] for row in rows.values()] == ["fp32", "fp32", "int8", "int8"]
    tried = done.figures["search"]
    assert len(tried) > 1
    assert tried[0]["agreement"] < max(row["agreement"] for row in tried)


def test_when_time_is_up_the_best_so_far_counts(tmp_path: Path) -> None:
    model = fragile()
    given = given_for(model, data(model), tmp_path, budget_s=1e-6)
    _, done = run_pass(MixedPrecision(), given, tmp_path / "v.onnx", max_drop=0.0, confidence=0.99, form="s8s8")
    assert not done.complete
    assert not done.figures["meets"]
    assert any("No mixture" in note for note in done.notes)


def test_a_quieter_mixture_keeps_more_layers_in_32_bits_than_the_samples_alone_ask_for(tmp_path: Path) -> None:
    model = fragile()
    given = given_for(model, data(model), tmp_path)
    settings = {"max_drop": 1.0, "form": "s8s8", "calibration": "minmax", "bias_samples": 0}
    _, plain = run_pass(MixedPrecision(), given, tmp_path / "plain.onnx", **settings)
    _, quieter = run_pass(MixedPrecision(), given, tmp_path / "v.onnx", quieter_db=3.0, **settings)
    assert {row["type"] for row in plain.figures["layers"]} == {"int8"}
    assert {row["type"] for row in quieter.figures["layers"]} == {"int8", "fp32"}
    noise_db = [row["output_sqnr_db"] for row in quieter.figures["search"]]
    assert quieter.figures["meets"]
    assert max(noise_db) >= noise_db[0] + 3.0


def test_a_second_search_goes_on_from_the_first_and_finds_what_it_would_have_found_alone(tmp_path: Path) -> None:
    model = fragile()
    memo = Memo(2)
    shared = given_for(model, data(model), tmp_path, memo=memo)
    settings = {"form": "s8s8", "calibration": "minmax", "bias_samples": 0}
    run_pass(MixedPrecision(), shared, tmp_path / "first.onnx", max_drop=0.5, **settings)
    (begun,) = memo._kept.values()
    known = set(begun.search._mixtures)
    run_pass(MixedPrecision(), shared, tmp_path / "second.onnx", max_drop=0.1, **settings)
    assert known < set(begun.search._mixtures)
    run_pass(MixedPrecision(), replace(shared, memo=Memo()), tmp_path / "alone.onnx", max_drop=0.1, **settings)
    assert (tmp_path / "second.onnx").read_bytes() == (tmp_path / "alone.onnx").read_bytes()


def test_threads_change_nothing_but_the_time(tmp_path: Path) -> None:
    model = fragile()
    for threads in (1, 2):
        given = given_for(model, data(model), tmp_path, threads=threads)
        run_pass(MixedPrecision(), given, tmp_path / f"{threads}.onnx", max_drop=0.1, form="s8s8")
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


def test_too_few_samples_are_an_obstacle(tmp_path: Path) -> None:
    model = networks.residual()
    given = given_for(model, data(model).first(10), tmp_path)
    assert "at least 16" in MixedPrecision().obstacle(MixedPrecision.settings_type(), given)
