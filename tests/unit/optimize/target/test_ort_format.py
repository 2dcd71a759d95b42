"""ONNX Runtime's own format: the same answers, and what a reduced build must hold."""

from pathlib import Path

import numpy as np
import pytest

from edgeyard.optimize.step import Trait
from edgeyard.optimize.target.ort_format import OrtFormat, OrtFormatSettings
from tests.unit.optimize.target.inputs import given, scores

PASS = OrtFormat()


@pytest.mark.parametrize("level", ["none", "basic", "extended", "all"])
def test_the_answers_stay_and_the_operators_are_listed(level: str, tmp_path: Path) -> None:
    settings = OrtFormatSettings(optimization=level)  # type: ignore[arg-type]
    out = tmp_path / "out.ort"
    output = PASS.run(settings, given(tmp_path), out)
    assert np.allclose(scores(out, PASS.trait(settings, Trait())), scores(tmp_path / "toy.onnx", Trait()), atol=1e-4)
    lines = output.figures["operator_config"]
    assert any("Conv" in line for line in lines)
    assert all(line.count(";") == 2 for line in lines)


def test_the_count_of_operators_leaves_out_their_types(tmp_path: Path) -> None:
    output = PASS.run(OrtFormatSettings(optimization="none"), given(tmp_path), tmp_path / "out.ort")
    assert output.notes == ("A reduced build needs 5 operators.",)  # Conv, Relu, GlobalAveragePool, Flatten, Gemm


def test_precision_and_form_pass_through(tmp_path: Path) -> None:
    source = Trait("int8", "s8s8")
    assert PASS.trait(OrtFormatSettings(), source) == Trait("int8", "s8s8", "ort", "onnxruntime")
    assert PASS.obstacle(OrtFormatSettings(), given(tmp_path, trait=source)) == ""
    assert "not from tflite" in PASS.obstacle(OrtFormatSettings(), given(tmp_path, trait=Trait(file_format="tflite")))
