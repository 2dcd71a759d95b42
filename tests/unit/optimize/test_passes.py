"""Passes: what they make, when they may not run, and that they make it again byte for byte."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.optimize.dataset import load_dataset
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.runtime.onnx_session import OnnxSession
from edgeyard.optimize.step import Memo, StepInput, Trait
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, value


@pytest.fixture
def given(toy: OptimizeJob, tmp_path: Path) -> StepInput:
    assert toy.data.calibration is not None
    calibration = load_dataset(toy.data.calibration, toy.preprocessing)
    return StepInput(toy.source, inspect_model(toy.source), Trait(), calibration, tmp_path)


def settings_of(kind: str, **settings: object) -> object:
    return msgspec.convert(settings, PASSES[kind].settings_type)


def make(kind: str, given: StepInput, out: Path, **settings: object) -> onnx.ModelProto:
    PASSES[kind].run(settings_of(kind, **settings), given, out)
    return onnx.load(out)


def test_the_second_layout_of_a_quantization_is_only_written_and_the_same_as_made_alone(
    given: StepInput, tmp_path: Path
) -> None:
    shared = replace(given, memo=Memo(2))
    make("int8-static", shared, tmp_path / "qdq.onnx")
    make("int8-static", replace(shared, calibration=None), tmp_path / "shared.onnx", layout="qoperator")
    make("int8-static", given, tmp_path / "alone.onnx", layout="qoperator")
    assert (tmp_path / "shared.onnx").read_bytes() == (tmp_path / "alone.onnx").read_bytes()


def test_a_memo_forgets_what_was_used_longest_ago() -> None:
    memo, made = Memo(2), list[str]()

    def get(key: str) -> str:
        return memo.get(key, lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == key
    assert made == ["a", "b", "c", "b"]


def test_half_precision_keeps_inputs_and_outputs_in_float32(given: StepInput, tmp_path: Path) -> None:
    model = make("fp16", given, tmp_path / "v.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT16}
    for tensor in (*model.graph.input, *model.graph.output):
        assert tensor.type.tensor_type.elem_type == TensorProto.FLOAT


def test_half_precision_leaves_the_named_operators_in_32_bits(given: StepInput, tmp_path: Path) -> None:
    model = make("fp16", given, tmp_path / "v.onnx", keep_operators=["Gemm"])
    kept = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    assert kept == {"w3", "b3"}


@pytest.mark.parametrize(
    ("form", "activations", "largest_weight"),
    [("s8s8", TensorProto.INT8, 127), ("u8s8", TensorProto.UINT8, 127), ("u8s7", TensorProto.UINT8, 64)],
)
def test_int8_has_one_scale_per_channel_and_the_types_it_is_named_for(
    given: StepInput, tmp_path: Path, form: str, activations: int, largest_weight: int
) -> None:
    model = make("int8-static", given, tmp_path / "v.onnx", form=form, edges="integer")
    onnx.checker.check_model(model, full_check=True)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [array for array in stored.values() if array.dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 2
    assert max(int(np.abs(array.astype(int)).max()) for array in weights) <= largest_weight
    scales = [array for key, array in stored.items() if key.endswith("weight_scale")]
    assert sorted(array.shape for array in scales) == [(4,), (8,), (8,)]
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    assert helper.np_dtype_to_tensor_dtype(stored[first.input[2]].dtype) == activations


def test_an_old_model_gets_a_newer_operator_set_and_answers_the_same(given: StepInput, tmp_path: Path) -> None:
    old = toy_model.classifier(opset=9)
    old.ir_version = 3
    for tensor in old.graph.initializer:
        old.graph.input.append(value(tensor.name, list(tensor.dims)))
    old_given = replace(given, source=save(old, tmp_path / "old.onnx"), summary=inspect_model(tmp_path / "old.onnx"))
    model = make("opset", old_given, tmp_path / "v.onnx", opset=17)
    onnx.checker.check_model(model, full_check=True)
    assert (model.opset_import[0].version, model.ir_version, len(model.graph.input)) == (17, 8, 1)
    x = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
    before, after = (OnnxSession(path).run(x) for path in (old_given.source, tmp_path / "v.onnx"))
    assert np.allclose(before, after, atol=1e-6)
    assert "already" in PASSES["opset"].obstacle(settings_of("opset", opset=17), given)


@pytest.mark.parametrize("kind", ["fp16", "int8-static"])
def test_the_same_input_gives_the_same_bytes(given: StepInput, tmp_path: Path, kind: str) -> None:
    first, second = tmp_path / "1.onnx", tmp_path / "2.onnx"
    make(kind, given, first)
    make(kind, given, second)
    assert first.read_bytes() == second.read_bytes()


def test_obstacles_are_said_in_words(given: StepInput) -> None:
    def obstacle(kind: str, changed: StepInput) -> str:
        return PASSES[kind].obstacle(settings_of(kind), changed)

    summary = given.summary
    assert obstacle("int8-static", given) == ""
    assert "calibration" in obstacle("int8-static", replace(given, calibration=None))
    assert "opset 13" in obstacle("int8-static", replace(given, summary=replace(summary, opset=11)))
    assert "no convolution" in obstacle("int8-static", replace(given, summary=replace(summary, operators={"Relu": 3})))
    for kind in ("int8-static", "fp16"):
        assert "already" in obstacle(kind, replace(given, summary=replace(summary, already_quantized=True)))


@pytest.mark.parametrize("kind", sorted(PASSES))
def test_every_pass_describes_itself_and_all_it_can_be_told(kind: str) -> None:
    each = PASSES[kind]
    assert each.kind == kind
    assert each.title
    assert each.text.endswith(".")
    described = msgspec.json.schema(each.settings_type)
    (name,) = described["$defs"]
    for field, about in described["$defs"][name]["properties"].items():
        assert about.get("description"), f"{kind}.{field} has no description"
        assert "default" in about, f"{kind}.{field} has no default"


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
