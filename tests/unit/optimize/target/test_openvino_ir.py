"""OpenVINO's format: fp32 exactly, fp16 and bf16 closely, int8 from a QDQ model."""

from pathlib import Path

import numpy as np
import pytest

from edgeyard.optimize.runtime.open_session import open_session, runtime_obstacle
from edgeyard.optimize.runtime.openvino_archive import unpack_openvino
from edgeyard.optimize.step import Trait
from edgeyard.optimize.target.openvino_ir import OpenVinoIr, OpenVinoSettings
from tests.unit.optimize.target.inputs import given, samples, scores

PASS = OpenVinoIr()


@pytest.fixture(autouse=True)
def openvino() -> None:
    pytest.importorskip("openvino")


def make(settings: OpenVinoSettings, folder: Path, source: Path | None = None, trait: Trait | None = None) -> Path:
    step = given(folder, source, trait)
    assert PASS.obstacle(settings, step) == ""
    out = folder / "out.zip"
    PASS.run(settings, step, out)
    return out


@pytest.mark.parametrize(("precision", "tolerance"), [("keep", 1e-4), ("fp16", 0.2), ("bf16", 0.2)])
def test_the_answers_stay(precision: str, tolerance: float, tmp_path: Path) -> None:
    settings = OpenVinoSettings(precision=precision)  # type: ignore[arg-type]
    out = make(settings, tmp_path)
    expected = scores(tmp_path / "toy.onnx", Trait())
    assert np.allclose(scores(out, PASS.trait(settings, Trait())), expected, atol=tolerance)


def test_a_qdq_model_becomes_an_int8_one(tmp_path: Path) -> None:
    from edgeyard.optimize.passes.int8_static import StaticInt8

    quantize = StaticInt8()
    step = given(tmp_path)
    quantized = tmp_path / "int8.onnx"
    quantize.run(quantize.settings_type(), step, quantized)
    trait = quantize.trait(quantize.settings_type(), Trait())
    out = make(OpenVinoSettings(), tmp_path, quantized, trait)
    made = PASS.trait(OpenVinoSettings(), trait)
    assert made == Trait("int8", trait.form, "openvino", "openvino")
    folder = tmp_path / "unpacked"
    folder.mkdir()
    graph = unpack_openvino(out, folder).read_text()
    assert 'element_type="i8"' in graph, "weights must be kept in 8 bits"
    agreement = (scores(out, made).argmax(1) == scores(quantized, trait).argmax(1)).mean()
    assert agreement >= 0.9


def test_one_sample_at_a_time_unless_told_otherwise(tmp_path: Path) -> None:
    trait = PASS.trait(OpenVinoSettings(), Trait())
    assert open_session(make(OpenVinoSettings(), tmp_path), trait).batch == 1
    free = open_session(make(OpenVinoSettings(single=False), tmp_path), trait)
    assert free.batch is None
    assert free.run(next(samples().batches(5))).shape[0] == 5


def test_a_file_for_bfloat16_is_another_than_one_for_fp32(tmp_path: Path) -> None:
    plain = make(OpenVinoSettings(), tmp_path).read_bytes()
    assert make(OpenVinoSettings(precision="bf16"), tmp_path).read_bytes() != plain, "evidence is kept by digest"


def test_the_same_model_gives_the_same_bytes_whatever_was_read_before(tmp_path: Path) -> None:
    first = make(OpenVinoSettings(), tmp_path).read_bytes()
    assert make(OpenVinoSettings(), tmp_path).read_bytes() == first


def test_a_quantized_model_is_not_turned_into_a_floating_one(tmp_path: Path) -> None:
    step = given(tmp_path, trait=Trait("int8", "u8s8"))
    assert "not turned into fp16" in PASS.obstacle(OpenVinoSettings(precision="fp16"), step)


def test_without_the_package_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeyard.optimize.target.openvino_ir.runtime_obstacle", lambda _trait: "not here")
    assert PASS.obstacle(OpenVinoSettings(), given(tmp_path)) == "not here"
    assert not runtime_obstacle(Trait())
