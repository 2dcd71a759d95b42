from __future__ import annotations

import pytest

from edgeyard.store import job as job_module
from edgeyard.store.database import Database
from edgeyard.store.job import append_log, create_job, get_job, interrupt_jobs, job_log, list_jobs, update_job
from edgeyard.store.journal import entries, note
from tests.unit.store.sample import NOW


def test_a_job_runs_and_its_end_is_final(database: Database) -> None:
    with database.write() as c:
        first = create_job(c, "optimize", "Optimize yard 1", "yard 1", NOW, "desktop-1")
        second = create_job(c, "import", "Import", "yard 2", NOW)
        assert update_job(c, first, "running", 0.5, "int8", NOW + 1)
        assert update_job(c, first, "cancelled", 1.5, "Stopped by eve", NOW + 2)
        assert not update_job(c, first, "done", 1.0, "", NOW + 3)
        assert not update_job(c, 999, "done", 1.0, "", NOW)
    with database.read() as c:
        job = get_job(c, first)
        assert job is not None
        assert (job.state, job.progress, job.text, job.ended_at) == ("cancelled", 1.0, "Stopped by eve", NOW + 2)
        assert [job.id for job in list_jobs(c)] == [second, first]
        assert [job.id for job in list_jobs(c, limit=1)] == [second]
        assert get_job(c, 999) is None


def test_after_a_crash_only_the_owners_unfinished_jobs_are_interrupted(database: Database) -> None:
    with database.write() as c:
        queued, running, done, foreign = (
            create_job(c, "k", "t", "s", NOW, owner) for owner in ("d1", "d1", "d1", "d2")
        )
        update_job(c, running, "running", 0.2, "", NOW)
        update_job(c, done, "done", 1.0, "", NOW)
        assert interrupt_jobs(c, "d1", NOW + 1) == 2
        assert interrupt_jobs(c, "d1", NOW + 1) == 0
        states = {job.id: job.state for job in list_jobs(c)}
        assert states == {queued: "interrupted", running: "interrupted", done: "done", foreign: "queued"}


def test_a_log_is_read_on_from_where_one_was_and_keeps_its_newest_lines(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "MAX_LOG_LINES", 3)
    with database.write() as c:
        job_id, other = create_job(c, "k", "t", "s", NOW), create_job(c, "k", "t", "s", NOW)
        append_log(c, other, "other", NOW)
        for number in range(5):
            append_log(c, job_id, f"line {number} \x00" + "x" * 9000, NOW + number)
        lines = job_log(c, job_id)
        assert [line.line[:6] for line in lines] == ["line 2", "line 3", "line 4"]
        assert len(lines[0].line) == 2000
        assert job_log(c, job_id, after_id=lines[1].id) == lines[2:]
        assert [line.line for line in job_log(c, other)] == ["other"]


def test_the_journal_is_read_from_its_end_and_by_subject(database: Database) -> None:
    with database.write() as c:
        note(c, "eve", "revoke", "device a", "Lost in hall 3.", NOW)
        note(c, "bob", "label", "device b", "line=3", NOW + 1)
    with database.read() as c:
        assert [entry.actor for entry in entries(c)] == ["bob", "eve"]
        assert [entry.text for entry in entries(c, subject="device a")] == ["Lost in hall 3."]
        assert [entry.subject for entry in entries(c, limit=1)] == ["device b"]
