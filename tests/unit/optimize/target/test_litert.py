"""LiteRT: what is handed to the sidecar and what is taken from it; the chain itself where its environment is made."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime.open_session import runtime_obstacle
from edgeyard.optimize.sidecar.catalog import sidecar_obstacle
from edgeyard.optimize.sidecar.message import SidecarReply
from edgeyard.optimize.step import StepInput, Trait
from edgeyard.optimize.target.litert import LiteRt, LiteRtSettings
from tests.unit.optimize import toy_model
from tests.unit.optimize.target.inputs import given, samples, scores

PASS = LiteRt()
TOY = Path(__file__).parents[1] / "runtime" / "data" / "toy_float32.tflite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar"
    path.mkdir()
    return path


def test_the_sidecar_gets_the_model_at_batch_one_and_prepared_samples(tmp_path: Path, folder: Path) -> None:
    step = given(tmp_path)
    request = PASS.prepare(LiteRtSettings(samples=25), step, folder)
    assert request.settings["input_name"] == "image"
    model = onnx.load(folder / request.inputs["model"])
    onnx.checker.check_model(model, full_check=True)
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 8, 8]
    handed = np.load(folder / request.inputs["samples"])
    assert handed.dtype == np.float32
    everything = next(samples().batches(40))
    assert handed.shape == (25, 3, 8, 8)
    found = [int(np.abs(everything - each).sum(axis=(1, 2, 3)).argmin()) for each in handed]
    assert np.array_equal(handed, everything[found])
    assert found == sorted(set(found))
    assert max(found) > 25, "sets may lie sorted by class: the first ones would be of one"


def test_a_floating_model_needs_no_samples(tmp_path: Path, folder: Path) -> None:
    step = given(tmp_path)
    unlabelled = StepInput(step.source, step.summary, step.trait, None, step.scratch)
    settings = LiteRtSettings(precision="fp32")
    assert PASS.obstacle(settings, unlabelled) == ""
    assert PASS.prepare(settings, unlabelled, folder).inputs == {"model": "model.onnx"}
    assert "no calibration set" in PASS.obstacle(LiteRtSettings(), unlabelled)


def test_it_starts_from_a_floating_onnx_model_only(tmp_path: Path) -> None:
    assert "in fp32" in PASS.obstacle(LiteRtSettings(), given(tmp_path, trait=Trait("int8", "u8s8")))
    assert "from an ONNX model" in PASS.obstacle(LiteRtSettings(), given(tmp_path, trait=Trait(file_format="ort")))


def test_int8_is_signed_on_both_sides() -> None:
    assert PASS.trait(LiteRtSettings(), Trait()) == Trait("int8", "s8s8", "tflite", "litert")
    assert PASS.trait(LiteRtSettings(precision="fp16"), Trait()) == Trait("fp16", "", "tflite", "litert")


def reply_to(data: bytes, folder: Path) -> SidecarReply:
    (folder / "artifact.tflite").write_bytes(data)
    return SidecarReply("artifact.tflite", len(data), hashlib.sha256(data).hexdigest(), {"onnx2tf": "2.6"}, ("Said.",))


def test_what_the_sidecar_made_is_taken_with_its_versions(tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "out.tflite"
    output = PASS.finish(LiteRtSettings(), given(tmp_path), folder, reply_to(TOY.read_bytes(), folder), out)
    assert out.read_bytes() == TOY.read_bytes()
    assert output.notes == ("Said.", "Made by onnx2tf 2.6.")
    assert output.figures["versions"] == {"onnx2tf": "2.6"}


def test_what_is_no_litert_model_is_refused(tmp_path: Path, folder: Path) -> None:
    reply = reply_to(b"something else", folder)
    with pytest.raises(UserError, match="no LiteRT model"):
        PASS.finish(LiteRtSettings(), given(tmp_path), folder, reply, tmp_path / "out.tflite")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_chain_writes_what_runs_in_litert(precision: str, tmp_path: Path) -> None:
    settings = LiteRtSettings(precision=precision)  # type: ignore[arg-type]
    trait = PASS.trait(settings, Trait())
    problem = sidecar_obstacle("litert") or runtime_obstacle(trait)
    if problem:
        pytest.skip(problem)
    out = tmp_path / "out.tflite"
    PASS.run(settings, given(tmp_path), out)
    source = toy_model.save(toy_model.classifier(), tmp_path / "again.onnx")
    expected = scores(source, Trait())
    tolerance = {"fp32": 1e-4, "fp16": 0.1, "int8": 0.1 * np.abs(expected).max()}[precision]
    assert np.abs(scores(out, trait) - expected).max() < tolerance
