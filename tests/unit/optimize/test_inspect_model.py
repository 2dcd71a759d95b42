"""What inspection counts, and what it refuses in words that say what to do."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, TensorContract
from edgeyard.optimize import model_file
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.summary import ModelSummary
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, tensor, value


def test_a_classifier_is_summed_up(tmp_path: Path) -> None:
    summary = inspect_model(save(toy_model.classifier(), tmp_path / "m.onnx"))
    assert (summary.ir_version, summary.opset) == (8, 17)
    assert summary.inputs == (TensorContract("image", "float32", (None, 3, 8, 8)),)
    assert summary.outputs == (TensorContract("logits", "float32", (None, 4)),)
    assert (summary.batch, summary.classes) == (None, 4)
    assert summary.operators == {
        "Conv": 2, "Relu": 2, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1,
    }  # fmt: skip
    assert summary.risks == ()
    assert not summary.already_quantized


def test_parameters_and_multiply_adds_are_counted_by_layer(tmp_path: Path) -> None:
    summary = inspect_model(save(toy_model.classifier(), tmp_path / "m.onnx"))
    rows = {row.name: row for row in summary.layers}
    assert rows["conv-1"].parameters == 8 * 27 + 8
    assert rows["conv-1"].multiply_adds == 64 * 8 * 27
    assert rows["conv-2"].multiply_adds == 64 * 8 * 72
    assert rows["conv-2"].output_shape == (1, 8, 8, 8)
    assert rows["head"].multiply_adds == 32
    assert rows["relu-1"].multiply_adds == 0
    assert summary.parameters == 224 + 584 + 36
    assert summary.multiply_adds == 64 * 8 * (27 + 72) + 32
    assert summary.largest_tensor_bytes == 8 * 64 * 4


def test_a_summary_crosses_a_process_boundary(tmp_path: Path) -> None:
    summary = inspect_model(save(toy_model.classifier(), tmp_path / "m.onnx"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(summary), type=ModelSummary) == summary
    assert msgspec.json.decode(msgspec.json.encode(summary), type=ModelSummary) == summary


def test_a_fixed_batch_of_one_is_accepted(tmp_path: Path) -> None:
    assert inspect_model(save(toy_model.classifier(batch=1), tmp_path / "m.onnx")).batch == 1


def test_preprocessing_declared_in_the_file_is_found(tmp_path: Path) -> None:
    model = toy_model.classifier()
    model.metadata_props.add(key="edgeyard.preprocessing", value='{"layout": "NCHW", "scale": 255.0}')
    assert inspect_model(save(model, tmp_path / "m.onnx")).preprocessing == Preprocessing("NCHW", 255.0)


def test_a_broken_declaration_is_a_risk_and_no_refusal(tmp_path: Path) -> None:
    model = toy_model.classifier()
    model.metadata_props.add(key="edgeyard.preprocessing", value="{")
    summary = inspect_model(save(model, tmp_path / "m.onnx"))
    assert summary.preprocessing is None
    assert "preprocessing" in summary.risks[0]


def test_functions_are_unfolded_before_counting(tmp_path: Path) -> None:
    summary = inspect_model(save(toy_model.nested_functions(3), tmp_path / "m.onnx"))
    assert sum(row.operator == "Relu" for row in summary.layers) == 8


def test_an_infinite_weight_and_a_new_ir_are_risks(tmp_path: Path) -> None:
    model = toy_model.classifier()
    weights = np.full(4, -np.inf, np.float32)
    model.graph.initializer[-1].CopyFrom(tensor("b3", weights))
    model.ir_version = 11
    risks = inspect_model(save(model, tmp_path / "m.onnx")).risks
    assert any("Infinite" in risk for risk in risks)
    assert any("IR version 11" in risk for risk in risks)


def test_a_quantized_model_is_recognized(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    weights = [tensor("scale", np.array(0.1, np.float32)), tensor("zero", np.array(0, np.int8))]
    summary = inspect_model(
        save(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], weights), tmp_path / "m")
    )
    assert summary.already_quantized


def relu(x: onnx.ValueInfoProto, y: onnx.ValueInfoProto | None = None) -> onnx.ModelProto:
    output = y or value("y", [None] * len(x.type.tensor_type.shape.dim))
    return model_of([helper.make_node("Relu", ["x"], [output.name])], [x], [output])


def custom_domain(domain: str) -> onnx.ModelProto:
    node = helper.make_node("Magic", ["x"], ["y"], domain=domain)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    return model_of([node], [value("x", ["N", 4])], [value("y", ["N", 4])], opset_imports=opsets)


def no_outputs() -> onnx.ModelProto:
    model = toy_model.classifier()
    del model.graph.output[:]
    return model


def unreadable_name() -> onnx.ModelProto:
    return onnx.ModelProto.FromString(toy_model.classifier().SerializeToString().replace(b"logits", b"log\x85ts"))


def two_inputs() -> onnx.ModelProto:
    add = helper.make_node("Add", ["x", "mask"], ["y"])
    return model_of([add], [value("x", ["N", 4]), value("mask", ["N", 4])], [value("y", ["N", 4])])


def with_weights(values: np.ndarray) -> onnx.ModelProto:
    add = helper.make_node("Add", ["x", "w"], ["y"])
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    return model_of([add], [value("x", ["N", 4], kind)], [value("y", ["N", 4], kind)], [tensor("w", values)])


def no_inputs() -> onnx.ModelProto:
    return model_of([helper.make_node("Constant", [], ["y"], value_float=1.0)], [], [value("y", [])])


def cut_weights() -> onnx.ModelProto:
    model = with_weights(np.ones(4, np.float32))
    model.graph.initializer[0].dims[0] = 1 << 40
    return model


def external_constant() -> onnx.ModelProto:
    """External data hidden in an attribute rather than in the list of weights."""
    model = with_weights(np.ones(4, np.float32))
    hidden = model.graph.initializer.pop()
    hidden.data_location = TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=hidden))
    return model


def sequence_input() -> onnx.ModelProto:
    x = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    node = helper.make_node("ConcatFromSequence", ["x"], ["y"], axis=0)
    return model_of([node], [x], [value("y", ["N", 4])])


def huge_input() -> onnx.ModelProto:
    return relu(value("x", ["N", 1 << 20, 1 << 10]))


def unknown_operator() -> onnx.ModelProto:
    return model_of([helper.make_node("Nonsense", ["x"], ["y"])], [value("x", ["N", 4])], [value("y", ["N", 4])])


def single(operator: str, *more: onnx.TensorProto, opset: int = 17, **attributes: object) -> onnx.ModelProto:
    """One operator on a batch of 4×8×8 maps and stored tensors."""
    node = helper.make_node(operator, ["x", *(stored.name for stored in more)], ["y"], **attributes)
    x, y = value("x", ["N", 4, 8, 8]), value("y", ["a", "b", "c", "d"])
    return model_of([node], [x], [y], list(more), opset)


def sizes(*values: int) -> onnx.TensorProto:
    return tensor("sizes", np.array(values, np.int64))


KERNEL = tensor("w", np.ones((4, 4, 3, 3), np.float32))


@pytest.mark.parametrize(
    ("make", "words", "todo"),
    [
        (lambda: single("Einsum", equation="...ij...->..."), r"'\.\.\.ij\.\.\.->\.\.\.', which is none", "again"),
        (lambda: single("Einsum", equation="a" * 5000), "which is none", "again"),
        (lambda: single("Conv", KERNEL, group=0), "4 channels into 0 groups", "again"),
        (lambda: single("Conv", KERNEL, group=2**62), "into 4611686018427387904 groups", "again"),
        (lambda: single("Conv", KERNEL, strides=[0, 0]), "checker refuses", "again"),
        (lambda: single("Conv", KERNEL, kernel_shape=[2**62, 2**62]), "more than a million GiB", "smaller"),
        (lambda: single("ConvTranspose", KERNEL, strides=[2**40, 2**40]), "more than a million GiB", "smaller"),
        (lambda: single("SpaceToDepth", blocksize=0), "checker refuses", "again"),
        (lambda: single("Tile", sizes(1, 2**40, 2**40, 1)), "more than a million GiB", "smaller"),
        (lambda: single("Expand", sizes(2**31, 4, 8, 8)), "2048.0 GiB", "smaller"),
        (lambda: single("Reshape", sizes(2**62, 2**62, 1, 1)), "checker refuses", "again"),
        (lambda: single("Pad", sizes(*[2**61] * 8)), "more than a million GiB", "smaller"),
        (lambda: single("Transpose", perm=[9, 9, 9, 9]), "checker refuses", "again"),
        (lambda: relu(value("x", ["N", 0, 4])), "axis of size 0", "size of its samples"),
        (toy_model.external_data, "other files", "save_as_external_data=False"),
        (external_constant, "other files", "one file"),
        (lambda: custom_domain("acme.ai"), "not in the ONNX standard: acme.ai.Magic", "standard only"),
        (lambda: custom_domain("com.microsoft"), "com.microsoft.Magic", "before it"),
        (lambda: toy_model.nested_functions(30), "16 deep", "inlined"),
        (lambda: toy_model.nested_functions(6, width=10), "unfolds to more than 100,000", "smaller"),
        (toy_model.depth_to_space, "checker refuses", "again"),
        (unknown_operator, r"checker refuses.*Nonsense.*[^.]\.$", "again"),
        (toy_model.exploding_shape, r"big of 1×25000×25000 values grow to 2\.3 GiB", "smaller"),
        (huge_input, "4.0 GiB", "smaller"),
        (lambda: relu(value("x", [490])), "no batch axis", "dynamic"),
        (lambda: relu(value("x", [32, 3, 8, 8])), r"32×3×8×8\) has no batch axis", "dynamic"),
        (two_inputs, r"2 inputs \(x, mask\)", "one input"),
        (no_inputs, "0 inputs", "one input"),
        (no_outputs, "no output", "scores"),
        (unreadable_name, "no text", "again"),
        (lambda: relu(value("x", ["N", 4]), value("y" * 300, ["N", 4])), "cannot be shown", "printable"),
        (sequence_input, "no tensor", "zipmap"),
        (lambda: toy_model.classifier(opset=6), "uses opset 6", "opset 17"),
        (lambda: toy_model.classifier(opset=22), "uses opset 22", "opset 17"),
        (lambda: with_weights(np.array([1, 2, np.nan, 4], np.float32)), "NaN", "Train again"),
        (lambda: with_weights(np.array([1, 2, np.nan, 4], np.float16)), "NaN", "Train again"),
        (cut_weights, "not hold them", "again"),
    ],
)  # fmt: skip
def test_bad_models_are_refused_in_words(
    tmp_path: Path, make: Callable[[], onnx.ModelProto], words: str, todo: str
) -> None:
    path = save(make(), tmp_path / "m.onnx")
    with pytest.raises(UserError, match=words) as caught:
        inspect_model(path)
    assert todo in caught.value.todo
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_function_that_calls_itself_is_refused(tmp_path: Path) -> None:
    model = toy_model.nested_functions(2)
    model.functions[0].node[0].CopyFrom(helper.make_node("level1", ["v0"], ["v1"], domain="f"))
    with pytest.raises(UserError, match="16 deep"):
        inspect_model(save(model, tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an ONNX file"),
        (b"hello, this is a text", "not an ONNX file"),
        (b"PK\x03\x04" + bytes(60), "zip archive"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(60), "TensorFlow Lite"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"),
        (b"\x80\x04\x95" + bytes(60), "pickle"),
        (os.urandom(1000), "not an ONNX file"),
        (b"\x08\x08", "no graph"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(UserError, match=words):
        inspect_model(path)


def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    whole = toy_model.classifier().SerializeToString()
    for length in range(1, len(whole), 97):
        path = tmp_path / "m.onnx"
        path.write_bytes(whole[:length])
        with pytest.raises(UserError):
            inspect_model(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.truncate(model_file.MAX_MODEL_BYTES + 1)
    with pytest.raises(UserError, match="too large"):
        inspect_model(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.onnx"):
        with pytest.raises(UserError, match="no file"):
            inspect_model(path)


def test_hard_linked_external_data_is_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1000))
    folder = tmp_path / "package"
    folder.mkdir()
    os.link(secret, folder / "weights.bin")
    with pytest.raises(UserError, match="other files"):
        inspect_model(save(toy_model.external_data(), folder / "m.onnx"))


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet50", 4089), ("squeezenet", 349), ("vgg19", 19632), ("shufflenet", 125), ("densenet121", 2834)],
)
def test_the_cost_of_well_known_networks_is_what_is_published(name: str, millions: int) -> None:
    path = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    if not path.is_file():
        pytest.skip("this onnx package has no light models")
    assert round(inspect_model(path).multiply_adds / 1e6) == millions
