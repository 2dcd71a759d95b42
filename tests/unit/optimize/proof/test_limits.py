"""What runtimes of a kind of hardware do not take of a written file."""

from pathlib import Path

import onnx
from onnx import helper

from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.engine.profile import find_profiles
from edgeyard.optimize.proof.limits import file_limits
from edgeyard.optimize.step import Trait
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, value

ALL = tuple(PROFILES.values())


def test_an_ordinary_file_is_taken_by_all_that_read_onnx(tmp_path: Path) -> None:
    path = save(toy_model.classifier(), tmp_path / "m.onnx")
    assert file_limits(path, Trait(), ALL) == {}


def test_ir_version_and_opset_are_held_against_the_runtimes(tmp_path: Path) -> None:
    new = toy_model.classifier()
    new.ir_version = 12
    limits = file_limits(save(new, tmp_path / "ir.onnx"), Trait(), [*find_profiles(["pi5", "x86-vnni", "host"])])
    assert limits == {"pi5": "ONNX Runtime reads up to IR version 10, and it has 12."}  # OpenVINO reads it on x86
    late = toy_model.classifier(opset=23)
    assert "opset 7 to 21, and it has 23" in file_limits(save(late, tmp_path / "o.onnx"), Trait(), ALL)["pi4"]


def test_operators_of_onnx_runtime_are_for_what_reads_by_it(tmp_path: Path) -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = model_of([node], [value("x", ["N", 4])], [value("y", ["N", 4])], opset_imports=opsets)
    path = save(model, tmp_path / "m.onnx")
    limits = file_limits(path, Trait(), ALL)
    assert "pi5" not in limits
    assert "jetson-orin-nano" not in limits  # ONNX Runtime is there besides TensorRT
    assert onnx.load(path).graph.node[0].domain == "com.microsoft"


def test_other_formats_have_other_readers(tmp_path: Path) -> None:
    assert file_limits(tmp_path / "nothing.tflite", Trait("int8", "", "tflite", "litert"), ALL) == {}
