"""`edgeyard model inspect`, as people and programs read it."""

import json
from pathlib import Path

import pytest

from edgeyard.cli.main import main
from tests.unit.optimize import toy_model

KEYS = {
    "advice", "already_quantized", "dominance", "dynamic_axes", "findings", "fits", "inputs", "ir_version",
    "largest_tensor_bytes", "layers", "layout", "moved_bytes", "multiply_adds", "operators", "opset", "outputs",
    "parameters", "peak_activation_bytes", "peak_layer", "preprocessing", "producer", "risks", "sha256", "size_bytes",
    "weight_bytes",
}  # fmt: skip
"""Programs rely on these."""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return toy_model.save(toy_model.classifier(), tmp_path / "toy.onnx")


def test_the_json_has_everything_under_stable_keys(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "inspect", str(model), "--json", "--profile", "pi4", "--profile", "host"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= KEYS
    assert [fit["profile"] for fit in document["fits"]] == ["pi4", "host"]
    assert set(document["fits"][0]) == {
        "profile", "title", "runtime", "verdict", "unsupported", "obstacles", "notes", "estimates",
    }  # fmt: skip
    assert {"name", "operator", "parameters", "multiply_adds", "output_shape", "live_bytes", "sources"} <= set(
        document["layers"][0]
    )
    assert document["layout"]["nodes"][0]["title"] == "Conv, Relu"
    assert document["dominance"]["kind"] in {"compute", "memory", "overhead"}


def test_people_see_the_costliest_layers_the_memory_the_hardware_and_what_may_go_wrong(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "inspect", str(model), "--layers", "2"]) == 0
    text = capsys.readouterr().out
    assert "844 parameters, 50,720 multiply-adds" in text
    assert "activations 4 KiB at most (at conv-2)" in text
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("costliest layers"))
    assert [line.split()[0] for line in lines[first + 1 : first + 3]] == ["conv-2", "conv-1"]
    assert lines[first + 3] == ""
    assert any(line.startswith("pi4 ") and "int8" in line for line in lines)
    assert any(line.startswith("Of the time, arithmetic takes") for line in lines)
    assert any(line.startswith("Note: The output comes without Softmax") for line in lines)


def test_unknown_hardware_and_bad_files_are_refused_in_one_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "inspect", str(model), "--profile", "abacus"]) != 0
    assert "abacus" in capsys.readouterr().err
    (tmp_path / "bad.onnx").write_bytes(b"hello")
    assert main(["model", "inspect", str(tmp_path / "bad.onnx")]) != 0
    assert "not an ONNX file" in capsys.readouterr().err
