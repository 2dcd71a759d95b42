"""Every runtime takes the same samples and gives the same scores, also inside the jail."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime.open_session import open_session, runtime_name, runtime_obstacle
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.step import Trait
from edgeyard.optimize.worker_answer import WorkerLimits
from tests.unit.optimize import toy_model
from tests.unit.optimize.runtime.sessions import (
    LITERT,
    ONNX,
    OPENVINO,
    ORT,
    answer,
    answer_in_worker,
    dataset,
    write_toy,
)

TRAITS = [ONNX, ORT, OPENVINO, LITERT]


def name_of(trait: Trait) -> str:
    return f"{trait.runtime}-{trait.file_format}"


@pytest.mark.parametrize("trait", TRAITS, ids=name_of)
def test_every_runtime_gives_the_scores_of_the_original(trait: Trait, tmp_path: Path) -> None:
    path = write_toy(trait, tmp_path)
    assert np.allclose(answer(path, trait), answer(tmp_path / "toy.onnx", ONNX), atol=1e-4)


@pytest.mark.parametrize("trait", TRAITS, ids=name_of)
def test_a_session_takes_one_sample_and_many_alike(trait: Trait, tmp_path: Path) -> None:
    session = open_session(write_toy(trait, tmp_path), trait, threads=2)
    batch = next(dataset().batches(6))
    together = session.run(batch)
    assert together.shape == (6, toy_model.CLASSES)
    assert np.allclose(together[4:5], session.run(batch[4:5]), atol=1e-5)
    assert np.allclose(together, session.run(batch)), "an answer must not change when the next one is computed"


@pytest.mark.parametrize("trait", TRAITS, ids=name_of)
def test_every_runtime_works_inside_the_jail(trait: Trait, tmp_path: Path) -> None:
    path = write_toy(trait, tmp_path)
    limits = WorkerLimits(memory_bytes=1 << 30, cpu_s=60, wall_s=60.0)
    scores = run_in_worker(answer_in_worker, path, trait.runtime, trait.file_format, limits=limits)
    assert np.allclose(scores, answer(path, trait), atol=1e-5)


def test_quantized_inputs_and_outputs_are_turned_into_real_numbers(tmp_path: Path) -> None:
    trait = replace(LITERT, precision="int8", form="s8s8")
    path = write_toy(trait, tmp_path)
    original = answer(tmp_path / "toy.onnx", ONNX)
    scores = answer(path, trait)
    assert scores.dtype == np.float32
    assert np.abs(scores - original).max() < 0.1 * np.abs(original).max()


@pytest.mark.parametrize("trait", TRAITS, ids=name_of)
def test_a_file_that_is_something_else_is_refused_in_words(trait: Trait, tmp_path: Path) -> None:
    if runtime_obstacle(trait):
        pytest.skip(runtime_obstacle(trait))
    path = tmp_path / "other"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(UserError):
        open_session(path, trait)


def test_an_ort_file_is_no_onnx_file(tmp_path: Path) -> None:
    path = write_toy(ORT, tmp_path)
    with pytest.raises(UserError, match="cannot run the model"):
        open_session(path, ONNX)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr("sys.modules", {})
    with pytest.raises(UserError, match=r"OpenVINO is not installed here.*pip install 'edgeyard\[openvino\]'"):
        open_session(tmp_path / "toy.zip", OPENVINO)
    with pytest.raises(UserError, match=r"pip install 'edgeyard\[litert\]'"):
        open_session(tmp_path / "toy.tflite", LITERT)


def test_what_only_devices_run_is_said_to_be_written_but_not_run(tmp_path: Path) -> None:
    trait = Trait("fp16", file_format="coreml", runtime="coreml")
    assert "written, but not run" in runtime_obstacle(trait)
    assert runtime_name(trait) == "coreml"
    with pytest.raises(UserError, match="Core ML"):
        open_session(tmp_path / "toy.mlpackage", trait)


def test_a_runtime_refuses_formats_of_another(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not read files of the format tflite"):
        open_session(tmp_path / "toy.tflite", replace(LITERT, runtime="onnxruntime"))


@pytest.mark.parametrize("trait", TRAITS, ids=name_of)
def test_evidence_names_runtime_and_version(trait: Trait) -> None:
    if runtime_obstacle(trait):
        pytest.skip(runtime_obstacle(trait))
    name, version = runtime_name(trait).split()
    assert name == trait.runtime
    assert version[0].isdigit()


def test_openvino_computes_fp32_in_fp32(tmp_path: Path) -> None:
    """Its own default on processors with bf16 is bf16, some 3 digits."""
    scores = answer(write_toy(OPENVINO, tmp_path), OPENVINO)
    assert np.abs(scores - answer(tmp_path / "toy.onnx", ONNX)).max() < 1e-4
