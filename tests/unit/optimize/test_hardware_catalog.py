"""All hardware that can be optimized for, and what estimates learn from devices."""

import json
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.correction_store import FILE_NAME, learn_correction, read_corrections
from edgeyard.optimize.estimate import estimate_summary, works_of
from edgeyard.optimize.hardware_catalog import find_profile, find_profiles, host_profile, known_profiles
from edgeyard.optimize.inspect_model import inspect_model
from tests.unit.optimize import toy_model

GATEWAY = {"id": "user-gateway", "title": "Gateway 2", "base": "pi4", "memory_bytes": 1 << 30, "alignment": 16}


def define(folder: Path, name: str = "gateway.json", **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({**GATEWAY, **changes}))
    return folder


def test_this_machine_is_a_profile() -> None:
    host = find_profile("host")
    assert host == host_profile()
    assert host.id not in PROFILES
    assert host.memory_bytes > 0
    assert "onnxruntime" in host.runtimes
    assert host.speed is not None


def test_a_person_s_profile_takes_from_its_base_what_it_does_not_say(tmp_path: Path) -> None:
    folder = define(tmp_path / "p", speed={"gmacs": {"int8": 5.0}, "memory_gb_s": 2.0}, precisions=["int8"])
    mine = find_profile("user-gateway", folder)
    assert (mine.title, mine.memory_bytes, mine.alignment) == ("Gateway 2", 1 << 30, 16)
    assert (mine.architecture, mine.int8_form, mine.cores) == ("arm64", "s8s8", 4)
    assert mine.speed is not None
    assert mine.speed.gmacs == {"int8": 5.0}
    assert [profile.id for profile in find_profiles(["host", "pi4", "user-gateway", "pi4"], folder)] == [
        "host", "pi4", "user-gateway",
    ]  # fmt: skip
    assert set(known_profiles(folder)) == {*PROFILES, "host", "user-gateway"}


def test_a_profile_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no hardware profile 'pi9'") as caught:
        find_profile("pi9", define(tmp_path / "p"))
    assert "user-gateway" in caught.value.todo
    assert "host" in caught.value.todo
    with pytest.raises(UserError, match="No hardware profile"):
        find_profiles([])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "pi4"}, "has the id"),
        ({"id": "user-"}, "has the id"),
        ({"id": "user-A"}, "has the id"),
        ({"base": "abacus"}, "'abacus', which is not known"),
        ({"runtimes": ["magic"]}, "runtime 'magic'"),
        ({"precisions": ["fp64"]}, "cannot be used"),
        ({"precisions": []}, "cannot be used"),
        ({"memory_bytes": -1}, "cannot be used"),
        ({"speed": {"gmacs": {}, "memory_gb_s": 1}}, "cannot be used"),
        ({"colour": "red"}, "cannot be used"),
    ],
)
def test_a_wrong_profile_is_refused_in_words(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        find_profile("user-gateway", define(tmp_path / "p", **changes))


def test_files_that_are_no_profile_are_refused(tmp_path: Path) -> None:
    folder = define(tmp_path / "p")
    (folder / "other.json").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"other\.json cannot be used"):
        known_profiles(folder)
    (folder / "other.json").write_bytes(b" " * 100_000)
    with pytest.raises(UserError, match="too large"):
        known_profiles(folder)
    define(folder, "other.json")
    with pytest.raises(UserError, match="Two files"):
        known_profiles(folder)


def test_nothing_is_learned_yet_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_corrections(tmp_path / FILE_NAME) == {}


def test_corrections_are_means_that_later_measurements_can_still_move(tmp_path: Path) -> None:
    path = tmp_path / "deep" / FILE_NAME
    learn_correction("pi4", "int8", 10.0, 20.0, "lab device pi4-01", path)
    assert read_corrections(path)["pi4", "int8"].factor == pytest.approx(2.0)
    learned = learn_correction("pi4", "int8", 10.0, 5.0, "lab device pi4-02", path)
    assert learned.factor == pytest.approx(1.0)
    assert learned.measurements == 2
    for _ in range(60):
        learned = learn_correction("pi4", "int8", 10.0, 40.0, "lab", path)
    assert learned.factor == pytest.approx(4.0, rel=0.1)
    assert learn_correction("pi5", "fp32", 1e-9, 1e9, "lab", path).factor == 100.0
    assert set(read_corrections(path)) == {("pi4", "int8"), ("pi5", "fp32")}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"version": 2}', b'{"corrections": [{"profile": "x"}]}', b"\xff"])
def test_a_damaged_file_of_corrections_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        read_corrections(tmp_path / FILE_NAME)
    with pytest.raises(UserError, match="damaged"):
        learn_correction("pi4", "int8", 1.0, 1.0, "lab", tmp_path / FILE_NAME)


@pytest.mark.parametrize(("estimated", "measured"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_figures_that_teach_nothing_are_refused(tmp_path: Path, estimated: float, measured: float) -> None:
    with pytest.raises(UserError, match="nothing can be learned"):
        learn_correction("pi4", "int8", estimated, measured, "lab", tmp_path / FILE_NAME)


def test_a_model_is_estimated_layer_by_layer_and_corrected(tmp_path: Path) -> None:
    summary = inspect_model(toy_model.save(toy_model.classifier(), tmp_path / "m.onnx"))
    assert [work.multiply_adds for work in works_of(summary.layers)] == [13824, 36864, 0, 32]
    plain = estimate_summary(summary, PROFILES["pi4"], "fp32")
    assert plain is not None
    assert not plain.corrected
    int8 = estimate_summary(summary, PROFILES["pi4"], "int8")
    assert int8 is not None
    assert int8.latency_ms < plain.latency_ms
    path = tmp_path / FILE_NAME
    learn_correction("pi4", "fp32", plain.latency_ms, 3 * plain.latency_ms, "lab", path)
    corrected = estimate_summary(summary, PROFILES["pi4"], "fp32", corrections=read_corrections(path))
    assert corrected is not None
    assert corrected.corrected
    assert corrected.latency_ms == pytest.approx(3 * plain.latency_ms)
    assert estimate_summary(summary, PROFILES["coral"], "fp32") is None
