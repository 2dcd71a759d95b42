"""Studies: what was asked, said and found stays together, whatever dies meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.study import (
    EventLog,
    StudyRequest,
    create_study,
    delete_study,
    get_study,
    list_studies,
    run_study,
    save_candidate,
    study_result,
)
from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.event import CandidateProven, JobPicked, JobPlanned
from edgeyard.optimize.worker_answer import JobCancelledError
from edgeyard.resource import resource_path
from edgeyard.trust.artifact_file import hash_file

MODEL = resource_path("demo", "yard-vision-1.onnx")
DATA = resource_path("demo", "evaluation.npz")


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    made = SiteFolder(tmp_path / "site")
    made.make()
    return made


def _request(**other: object) -> StudyRequest:
    return StudyRequest(**{"model": MODEL, "data": DATA, "profiles": ("host",), "created_at": 1.8e9, **other})  # type: ignore[arg-type]


def test_a_study_runs_and_can_be_read_while_and_after(folder: SiteFolder) -> None:
    study = create_study(folder, _request())
    assert list_studies(folder) == [study]
    assert study_result(study) is None
    log, seen = EventLog(study), []
    assert not log.read_on()

    result = run_study(folder, study.id, lambda event: seen.append((event, log.read_on())))
    assert any(read for _, read in seen)
    log.read_on()
    assert log.events == [event for event, _ in seen]
    kinds = {type(event) for event in log.events}
    assert {JobPlanned, CandidateProven, JobPicked} <= kinds
    read = study_result(get_study(folder, study.id))
    assert read is not None
    assert read.picked == result.picked
    saved = folder.root / "chosen.onnx"
    saved.write_text("an older one")
    chosen = next(candidate for candidate in result.candidates if candidate.name == result.picked["host"])
    save_candidate(study, chosen.name, saved)
    assert hash_file(saved)[0] == chosen.sha256
    with pytest.raises(UserError, match="cannot be written"):
        save_candidate(study, chosen.name, folder.root / "no folder" / "chosen.onnx")
    with pytest.raises(UserError, match="is not there"):
        save_candidate(study, "int4", saved)
    (study.folder / "out" / chosen.path.name).write_text("touched")
    with pytest.raises(UserError, match="was changed since it was proven"):
        save_candidate(study, chosen.name, saved)
    assert hash_file(saved)[0] == chosen.sha256
    assert [path.name for path in folder.root.glob(".chosen*")] == []

    # A second run says everything anew, and finds what was computed.
    run_study(folder, study.id)
    assert log.read_on()
    assert isinstance(log.events[-1], JobPicked)
    delete_study(folder, study.id)
    assert list_studies(folder) == []


def test_a_cancelled_study_leaves_no_half_result(folder: SiteFolder) -> None:
    study, cancel = create_study(folder, _request()), threading.Event()
    with pytest.raises(JobCancelledError):
        run_study(folder, study.id, lambda _: cancel.set(), cancel)
    assert study_result(study) is None


def test_what_cannot_be_studied_is_refused_before_anything_is_kept(folder: SiteFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no model"):
        create_study(folder, _request(model=tmp_path / "gone.onnx"))
    with pytest.raises(UserError, match="There is no data"):
        create_study(folder, _request(data=tmp_path / "gone.npz"))
    with pytest.raises(UserError, match="No hardware profile"):
        create_study(folder, _request(profiles=()))
    with pytest.raises(UserError, match="Line 3"):
        create_study(folder, _request(recipe="steps:\n  - id: a\n    pass: no-such-pass\n"))
    assert list_studies(folder) == []
    with pytest.raises(UserError, match="not on this machine"):
        get_study(folder, "../studies")


def test_damaged_files_cost_their_study_only(folder: SiteFolder) -> None:
    good, bad = create_study(folder, _request()), create_study(folder, _request(created_at=1.9e9))
    (bad.folder / "study.json").write_bytes(b"{")
    (good.folder / "events.jsonl").write_bytes(b'garbage\n{"type": "note"}\n{"type":"note","text":"half')
    assert list_studies(folder) == [good]
    log = EventLog(good)
    assert log.read_on()
    assert [event.text for event in log.events] == [""]
