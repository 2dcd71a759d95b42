"""A job sent away and its result taken in: the same result, and nothing of what arrives is believed unseen."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.engine import shipment
from edgeyard.optimize.engine.event import Event, JobPicked
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.result_folder import RESULT_FILE, load_result
from edgeyard.optimize.engine.shipment import pack_job, run_shipment, take_result
from edgeyard.optimize.hardware_catalog import find_profiles
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from tests.unit.optimize.conftest import toy_job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> OptimizeJob:
    made = toy_job(tmp_path_factory.mktemp("shipment"))
    return replace(made, recipe=Recipe((RecipeStep("half", "fp16"),)), profiles=find_profiles(["host"]))


@pytest.fixture(scope="module")
def answer(job: OptimizeJob) -> bytes:
    return run_shipment(pack_job(job), job.cache_dir)


def changed(package: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_the_result_of_a_sent_job_is_published_here(job: OptimizeJob, answer: bytes, tmp_path: Path) -> None:
    result = take_result(answer, tmp_path / "out")
    assert load_result(tmp_path / "out") == result
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fp32.onnx", "half.onnx", RESULT_FILE}
    assert all(candidate.path.parent == tmp_path / "out" for candidate in result.candidates)
    assert result.samples == {"evaluation": 200, "calibration": 60, "golden": 40}


def test_a_folder_of_data_travels_with_everything_in_it(job: OptimizeJob, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "1.jpg").write_bytes(b"x")
    (folder / "preprocessing.json").write_text("{}")
    package = pack_job(replace(job, data=replace(job.data, whole=folder)))
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert {"data/whole/cat/1.jpg", "data/whole/preprocessing.json"} <= set(archive.namelist())


def test_events_are_heard_while_it_runs(job: OptimizeJob) -> None:
    seen: list[Event] = []
    run_shipment(pack_job(job), job.cache_dir, seen.append)
    assert isinstance(seen[-1], JobPicked)


def forge(files: dict[str, bytes]) -> None:
    files["half.onnx"] += b"x"


def leave_out(files: dict[str, bytes]) -> None:
    del files["half.onnx"]


def climb(files: dict[str, bytes]) -> None:
    files["../../outside"] = b"x"


@pytest.mark.parametrize(
    ("change", "words"), [(forge, "not what was made"), (leave_out, "not what was made"), (climb, "outside its folder")]
)
def test_an_answer_that_was_changed_is_not_taken(
    answer: bytes, tmp_path: Path, change: Callable[[dict[str, bytes]], None], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        take_result(changed(answer, change), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_rubbish_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="damaged"):
        take_result(b"rubbish", tmp_path / "out")
    with pytest.raises(UserError, match="damaged"):
        run_shipment(b"rubbish", tmp_path)


def test_a_job_of_another_version_is_refused(job: OptimizeJob) -> None:
    package = changed(pack_job(job), lambda files: files.update({"version.txt": b"0.0.1"}))
    with pytest.raises(UserError, match=r"comes from Edgeyard 0\.0\.1"):
        run_shipment(package, job.cache_dir)


def test_what_is_too_large_is_not_sent_and_not_unpacked(
    job: OptimizeJob, answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="too large to be sent"):
        pack_job(job)
    with pytest.raises(UserError, match="too large"):
        take_result(answer, tmp_path / "out")
    with pytest.raises(UserError, match="cannot be read"):
        pack_job(replace(job, source=Path("/nowhere")))
