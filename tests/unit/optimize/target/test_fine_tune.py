"""Training in a sidecar: what it is given and what is taken back; training itself where its environment is made."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.int8_static import StaticInt8
from edgeyard.optimize.runtime.open_session import open_session
from edgeyard.optimize.sidecar.catalog import sidecar_obstacle
from edgeyard.optimize.sidecar.message import SidecarReply
from edgeyard.optimize.step import StepInput, Trait
from edgeyard.optimize.target.fine_tune import FineTune, FineTuneSettings
from tests.unit.optimize import toy_model
from tests.unit.optimize.target.inputs import given, samples

PASS = FineTune()
QUICK = FineTuneSettings(epochs=6, batch=16, learning_rate=0.01, time_limit_s=60, held_out=0.2, shift=1)


def step_input(folder: Path, source: Path | None = None, trait: Trait | None = None, count: int = 200) -> StepInput:
    """A toy model with other weights, and the toy itself as teacher; labels are what the teacher says."""
    original = toy_model.save(toy_model.classifier(), folder / "original.onnx")
    data = samples(count)
    labels = open_session(original, Trait()).scores(data).argmax(1)
    other = source or toy_model.save(toy_model.classifier(seed=2), folder / "other.onnx")
    step = given(folder, other, trait)
    return replace(step, calibration=replace(data, y=labels.astype(np.int64)), original=original)


def shake(model: onnx.ModelProto) -> onnx.ModelProto:
    rng = np.random.default_rng(5)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        noise = rng.normal(0, 0.6 * float(array.std()) + 1e-3, array.shape)
        tensor.CopyFrom(numpy_helper.from_array((array + noise).astype(np.float32), tensor.name))
    return model


def right(path: Path, step: StepInput, trait: Trait) -> float:
    assert step.calibration is not None
    return float((open_session(path, trait).scores(step.calibration).argmax(1) == step.calibration.y).mean())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar"
    path.mkdir()
    return path


def test_the_sidecar_gets_model_teacher_samples_and_labels(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    request = PASS.prepare(QUICK, step, folder)
    assert set(request.inputs) == {"model", "teacher", "samples", "labels"}
    assert (folder / request.inputs["teacher"]).read_bytes() == (tmp_path / "original.onnx").read_bytes()
    assert np.load(folder / request.inputs["samples"]).shape == (200, 3, 8, 8)
    assert request.settings["layout"] == "NCHW"
    assert request.time_limit_s > QUICK.time_limit_s, "loading and writing take time besides training"


def test_labels_stay_with_their_samples(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    assert step.calibration is not None
    request = PASS.prepare(FineTuneSettings(samples=70), step, folder)
    assert request.settings["half"]
    handed, labels = (np.load(folder / request.inputs[name]) for name in ("samples", "labels"))
    everything = next(step.calibration.batches(200))
    assert len(handed) == len(labels) == 70
    assert step.calibration.y is not None
    for sample, label in zip(handed, labels, strict=True):
        assert label == step.calibration.y[int(np.abs(everything - sample).sum(axis=(1, 2, 3)).argmin())]


def test_without_labels_the_original_alone_teaches(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    assert step.calibration is not None
    unlabelled = replace(step, calibration=replace(step.calibration, y=None))
    assert set(PASS.prepare(QUICK, unlabelled, folder).inputs) == {"model", "teacher", "samples"}
    with pytest.raises(UserError, match="neither labels nor"):
        PASS.prepare(QUICK, replace(unlabelled, original=None), folder)


def test_it_says_what_it_cannot_train(tmp_path: Path) -> None:
    step = step_input(tmp_path)
    assert PASS.obstacle(QUICK, step) == ""
    assert "at least 64" in PASS.obstacle(QUICK, replace(step, calibration=samples(20)))
    assert "not tflite" in PASS.obstacle(QUICK, replace(step, trait=Trait(file_format="tflite")))
    assert "fp16" in PASS.obstacle(QUICK, replace(step, trait=Trait("fp16")))
    single = toy_model.save(toy_model.classifier(batch=1), tmp_path / "single.onnx")
    assert "free batch axis" in PASS.obstacle(QUICK, step_input(tmp_path, single))


def test_model_ready_samples_of_three_channels_are_taken_for_images(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    assert step.calibration is not None
    x = next(step.calibration.batches(len(step.calibration)))
    ready = replace(step, calibration=Dataset(x, step.calibration.y, Preprocessing(), ""))
    assert PASS.prepare(QUICK, ready, folder).settings["layout"] == "NCHW"


def test_weights_in_seven_bits_stay_in_seven_bits(tmp_path: Path, folder: Path) -> None:
    step = replace(step_input(tmp_path), trait=Trait("int8", "u8s7"))
    assert PASS.prepare(QUICK, step, folder).settings["weight_limit"] == 64


def reply_to(model: onnx.ModelProto, folder: Path) -> SidecarReply:
    data = model.SerializeToString()
    (folder / "artifact.onnx").write_bytes(data)
    return SidecarReply("artifact.onnx", len(data), hashlib.sha256(data).hexdigest(), figures={"complete": False})


def test_only_weights_are_taken_from_what_comes_back(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    trained = shake(onnx.load(step.source))
    trained.graph.node[0].op_type = "Evil"
    output = PASS.finish(QUICK, step, folder, reply_to(trained, folder), tmp_path / "out.onnx")
    made = onnx.load(tmp_path / "out.onnx")
    assert [node.op_type for node in made.graph.node] == [node.op_type for node in onnx.load(step.source).graph.node]
    assert made.graph.initializer[0] == trained.graph.initializer[0]
    assert not output.complete, "it ran out of time"


def test_lost_or_reshaped_weights_are_refused(tmp_path: Path, folder: Path) -> None:
    step = step_input(tmp_path)
    trained = onnx.load(step.source)
    del trained.graph.initializer[0]
    with pytest.raises(UserError, match="lost the weights"):
        PASS.finish(QUICK, step, folder, reply_to(trained, folder), tmp_path / "out.onnx")


@pytest.fixture
def torch_sidecar() -> None:
    problem = sidecar_obstacle("torch")
    if problem:
        pytest.skip(problem)


@pytest.mark.usefixtures("torch_sidecar")
def test_a_model_learns_what_its_teacher_answers(tmp_path: Path) -> None:
    step = step_input(tmp_path)
    out = tmp_path / "out.onnx"
    output = PASS.run(QUICK, step, out)
    assert right(out, step, Trait()) > right(step.source, step, Trait()) + 0.1
    assert output.complete
    assert output.figures["after"] >= output.figures["before"]


@pytest.mark.usefixtures("torch_sidecar")
def test_a_quantized_model_is_trained_through_its_rounding(tmp_path: Path) -> None:
    quantize = StaticInt8()
    floating = step_input(tmp_path)
    source = tmp_path / "int8.onnx"
    quantize.run(quantize.settings_type(), floating, source)
    trait = quantize.trait(quantize.settings_type(), Trait())
    step = replace(floating, source=source, trait=trait)
    out = tmp_path / "out.onnx"
    PASS.run(QUICK, step, out)
    assert right(out, step, trait) >= right(source, step, trait)
    before, after = onnx.load(source), onnx.load(out)
    assert [tensor.data_type for tensor in before.graph.initializer] == [
        tensor.data_type for tensor in after.graph.initializer
    ]
    assert before.graph.node == after.graph.node
