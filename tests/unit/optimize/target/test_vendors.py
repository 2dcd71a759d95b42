"""Adapters to vendors' programs, tried with programs of ours in their place: how they are called and what counts."""

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeyard.optimize.runtime.open_session import runtime_obstacle
from edgeyard.optimize.sidecar.catalog import SIDECARS, sidecar_obstacle, sidecar_version
from edgeyard.optimize.sidecar.message import SidecarError
from edgeyard.optimize.step import Pass, StepOutput, Trait
from edgeyard.optimize.target.core_ml import CoreMl, CoreMlSettings
from edgeyard.optimize.target.hailo import Hailo, HailoSettings
from edgeyard.optimize.target.qualcomm import Qualcomm, QualcommSettings
from edgeyard.optimize.target.tensor_rt import TensorRt, TensorRtSettings
from tests.unit.optimize.target.inputs import given

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shell scripts stand for the vendors' programs")

PREFIX = '#!/bin/sh\nfor each in "$@"; do printf "%s\\n" "$each" >>called.txt; done\n'


def install(sidecar: str, script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of the vendor's; it writes down its arguments."""
    path = folder / SIDECARS[sidecar].program
    path.write_text(PREFIX + script)
    path.chmod(0o755)
    monkeypatch.setenv(SIDECARS[sidecar].setting, str(path))


def run(each: Pass, settings: object, folder: Path, trait: Trait | None = None) -> tuple[StepOutput, list[str], Path]:
    step = given(folder, trait=trait)
    out = folder / "out"
    output = each.run(settings, step, out)
    return output, (step.scratch / "sidecar" / "called.txt").read_text().splitlines(), out


TENSORRT = """
case "$1" in --help) echo "&&&& RUNNING TensorRT.trtexec [TensorRT v100300]"; exit 0;; esac
for each in "$@"; do case "$each" in --saveEngine=*) echo engine >"${each#--saveEngine=}";; esac; done
"""


def test_tensorrt_is_asked_for_one_engine_at_batch_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("tensorrt", TENSORRT, tmp_path, monkeypatch)
    output, called, out = run(TensorRt(), TensorRtSettings(), tmp_path)
    assert out.read_text() == "engine\n"
    assert {"--fp16", "--skipInference", "--optShapes=image:1x3x8x8", "--memPoolSize=workspace:1024"} <= set(called)
    assert output.figures["versions"] == {"tensorrt": "100300"}
    assert any("only on GPUs of this machine's kind" in note for note in output.notes)


def test_tensorrt_takes_int8_as_the_model_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("tensorrt", TENSORRT, tmp_path, monkeypatch)
    keep = TensorRtSettings(precision="keep")
    _, called, _ = run(TensorRt(), keep, tmp_path, Trait("int8", "s8s8"))
    assert "--int8" in called
    step = given(tmp_path)
    assert "s8s8" in TensorRt().obstacle(keep, replace(step, trait=Trait("int8", "u8s8")))
    assert TensorRt().trait(keep, Trait("int8", "s8s8")) == Trait("int8", "s8s8", "engine", "tensorrt")


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo no CUDA device; exit 2", "exit code 2"), ("exit 0", "wrote no model.engine")],
    ids=["fails", "writes nothing"],
)
def test_a_vendor_program_that_makes_nothing_is_reported(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("tensorrt", script, tmp_path, monkeypatch)
    with pytest.raises(SidecarError, match=words) as caught:
        TensorRt().run(TensorRtSettings(), given(tmp_path), tmp_path / "out")
    assert caught.value.kind == "refused"
    assert "trtexec --onnx=" in caught.value.log


HAILO = """
case "$1" in
--version) echo "Hailo Dataflow Compiler v3.30.0"; exit 0;;
parser) touch parsed.har;;
optimize) [ -f parsed.har ] || exit 4; touch optimized.har;;
compiler) [ -f optimized.har ] || exit 5; echo hef >compiled/model.hef;;
esac
"""


def test_hailo_is_taken_through_its_three_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("hailo", HAILO, tmp_path, monkeypatch)
    output, called, out = run(Hailo(), HailoSettings(chip="hailo8"), tmp_path)
    assert out.read_text() == "hef\n"
    assert [word for word in called if word in {"parser", "optimize", "compiler"}] == ["parser", "optimize", "compiler"]
    assert called.count("hailo8") == 3
    assert output.figures["versions"] == {"hailo-dataflow-compiler": "3.30.0"}
    handed = np.load(tmp_path / "scratch" / "sidecar" / "samples.npy")
    assert handed.shape == (40, 8, 8, 3), "Hailo takes channels last"


QUALCOMM = """
case "$1" in --version) echo "QNN SDK v2.39.0"; exit 0;; esac
echo source >model.cpp; echo weights >model.bin; echo "{}" >model_net.json
"""


def test_qualcomm_gets_raw_samples_and_its_files_travel_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("qualcomm", QUALCOMM, tmp_path, monkeypatch)
    output, called, out = run(Qualcomm(), QualcommSettings(samples=7), tmp_path)
    with zipfile.ZipFile(out) as archive:
        assert sorted(archive.namelist()) == ["model.bin", "model.cpp", "model_net.json"]
    listing = Path(called[called.index("--input_list") + 1]).read_text().splitlines()
    assert len(listing) == 7
    name, _, path = listing[3].partition(":=")
    assert name == "image"
    handed = np.load(tmp_path / "scratch" / "sidecar" / "samples.npy")
    assert np.array_equal(np.fromfile(path, np.float32).reshape(3, 8, 8), handed[3])
    assert output.figures["versions"] == {"qnn": "2.39.0"}


@pytest.mark.parametrize("name", ["tensorrt", "hailo", "qualcomm"])
def test_a_program_that_is_not_here_is_named_with_where_it_comes_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIDECARS[name].setting, str(tmp_path / "none"))
    obstacle = sidecar_obstacle(name)
    assert SIDECARS[name].program in obstacle
    assert SIDECARS[name].setting in obstacle
    absent = sidecar_version(name)
    (tmp_path / "none").write_text("#!/bin/sh\n")
    (tmp_path / "none").chmod(0o755)
    assert sidecar_obstacle(name) == ""
    assert sidecar_version(name) != absent, "a cache must not keep what was made without the program"


@pytest.mark.parametrize(
    ("each", "settings"),
    [
        (TensorRt(), TensorRtSettings()),
        (Hailo(), HailoSettings()),
        (Qualcomm(), QualcommSettings()),
        (CoreMl(), CoreMlSettings()),
    ],
    ids=["tensorrt", "hailo", "qualcomm", "coreml"],
)
def test_what_was_not_run_is_labelled_so(each: Pass, settings: object) -> None:
    assert "written, but not run" in runtime_obstacle(each.trait(settings, Trait()))


@pytest.mark.parametrize("settings", [CoreMlSettings(), CoreMlSettings(precision="fp32", int8_weights=True)])
def test_core_ml_packages_are_whole_and_reproducible(settings: CoreMlSettings, tmp_path: Path) -> None:
    if sidecar_obstacle("coreml"):
        pytest.skip(sidecar_obstacle("coreml"))
    made = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        CoreMl().run(settings, given(folder), folder / "out.zip")
        made.append((folder / "out.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "a" / "out.zip") as archive:
        manifest = json.loads(archive.read("model.mlpackage/Manifest.json"))
        assert len(manifest["itemInfoEntries"]) == 2
