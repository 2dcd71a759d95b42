"""Passes: what they make, when they may not run, and that they make it again byte for byte."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.dataset import Dataset, load_dataset
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES, passes_for
from edgeyard.optimize.passes.declaration import Pass
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.request import OptimizeRequest
from tests.unit.optimize.toy_model import model_of, value

BY_ID = {each.id: each for each in PASSES}


@pytest.fixture
def calibration(toy: OptimizeRequest) -> Dataset:
    assert toy.calibration is not None
    return load_dataset(toy.calibration, toy.preprocessing)


def make(each: Pass, toy: OptimizeRequest, calibration: Dataset, out: Path) -> onnx.ModelProto:
    each.run(toy.source, out, inspect_model(toy.source), calibration)
    return onnx.load(out)


def test_the_original_is_the_same_bytes(toy: OptimizeRequest, calibration: Dataset, tmp_path: Path) -> None:
    make(BY_ID["fp32"], toy, calibration, tmp_path / "v.onnx")
    assert (tmp_path / "v.onnx").read_bytes() == toy.source.read_bytes()


def test_half_precision_keeps_inputs_and_outputs_in_float32(
    toy: OptimizeRequest, calibration: Dataset, tmp_path: Path
) -> None:
    model = make(BY_ID["fp16"], toy, calibration, tmp_path / "v.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT16}
    for tensor in (*model.graph.input, *model.graph.output):
        assert tensor.type.tensor_type.elem_type == TensorProto.FLOAT


@pytest.mark.parametrize(
    ("name", "activations", "largest_weight"),
    [
        ("int8-s8s8", TensorProto.INT8, 127),
        ("int8-u8s8", TensorProto.UINT8, 127),
        ("int8-u8s7", TensorProto.UINT8, 64),
    ],
)
def test_int8_has_one_scale_per_channel_and_the_layout_it_is_named_for(
    toy: OptimizeRequest, calibration: Dataset, tmp_path: Path, name: str, activations: int, largest_weight: int
) -> None:
    model = make(BY_ID[name], toy, calibration, tmp_path / "v.onnx")
    onnx.checker.check_model(model, full_check=True)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [array for array in stored.values() if array.dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 2
    assert max(int(np.abs(array.astype(int)).max()) for array in weights) <= largest_weight
    scales = [array for key, array in stored.items() if key.startswith("w1") and array.dtype == np.float32]
    assert [array.shape for array in scales] == [(8,)]
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    assert helper.np_dtype_to_tensor_dtype(stored[first.input[2]].dtype) == activations


def test_the_same_input_gives_the_same_bytes(toy: OptimizeRequest, calibration: Dataset, tmp_path: Path) -> None:
    for each in PASSES:
        first, second = tmp_path / "1.onnx", tmp_path / "2.onnx"
        make(each, toy, calibration, first)
        make(each, toy, calibration, second)
        assert first.read_bytes() == second.read_bytes(), each.id


def test_only_passes_that_a_profile_can_run_are_tried() -> None:
    def ids(*names: str) -> set[str]:
        return {each.id for each in passes_for(PROFILES[name] for name in names)}

    assert ids("pi4") == {"fp32", "int8-s8s8"}
    assert ids("jetson-orin-nano") == {"fp32", "fp16"}
    assert ids("x86-vnni", "x86") == {"fp32", "int8-u8s8", "int8-u8s7"}
    assert ids() == {"fp32"}


def test_every_profile_names_a_layout_that_some_pass_makes() -> None:
    forms = {each.form for each in PASSES}
    for profile in PROFILES.values():
        assert profile.int8_form in forms
        assert bool(profile.int8_form) == ("int8" in profile.precisions)


def test_obstacles_are_said_in_words(toy: OptimizeRequest, calibration: Dataset) -> None:
    summary = inspect_model(toy.source)
    int8, fp16 = BY_ID["int8-s8s8"], BY_ID["fp16"]
    assert int8.obstacle(summary, calibration) == ""
    assert "calibration" in int8.obstacle(summary, None)
    assert "opset 13" in int8.obstacle(replace(summary, opset=11), calibration)
    assert "no convolution" in int8.obstacle(replace(summary, operators={"Relu": 3}), calibration)
    for each in (int8, fp16):
        assert "already" in each.obstacle(replace(summary, already_quantized=True), calibration)
    assert BY_ID["fp32"].obstacle(replace(summary, already_quantized=True), None) == ""


def test_written_models_are_in_order_and_name_only_what_they_use(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Neg", ["x"], ["a"])]
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in ("", "com.microsoft", "ai.onnx.ml")]
    model = model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], opset_imports=opsets)
    for key in ("b", "a"):
        model.metadata_props.add(key=key, value="1")
    write_model(model, tmp_path / "v.onnx")
    written = onnx.load(tmp_path / "v.onnx")
    onnx.checker.check_model(written, full_check=True)
    assert [node.op_type for node in written.graph.node] == ["Neg", "Relu"]
    assert [entry.domain for entry in written.opset_import] == [""]
    assert [entry.key for entry in written.metadata_props] == ["a", "b"]


def test_a_subgraph_waits_for_what_it_reads_from_outside(tmp_path: Path) -> None:
    then = helper.make_graph([helper.make_node("Identity", ["a"], ["t"])], "then", [], [value("t", ["N", 4])])
    other = helper.make_graph([helper.make_node("Neg", ["a"], ["e"])], "else", [], [value("e", ["N", 4])])
    nodes = [
        helper.make_node("If", ["flag"], ["y"], then_branch=then, else_branch=other),
        helper.make_node("Constant", [], ["flag"], value=onnx.numpy_helper.from_array(np.array(True))),
        helper.make_node("Abs", ["x"], ["a"]),
    ]
    write_model(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])]), tmp_path / "v.onnx")
    written = onnx.load(tmp_path / "v.onnx")
    onnx.checker.check_model(written, full_check=True)
    assert [node.op_type for node in written.graph.node] == ["Constant", "Abs", "If"]
