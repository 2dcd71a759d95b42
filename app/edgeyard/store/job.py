"""Long work on this side (optimization, import, signing): its progress and its log, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import LINE_CHARACTERS, bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.raw import fetch, fetch_one, insert_row, run

ENDED = ("done", "failed", "cancelled", "interrupted")
STATES = ("queued", "running", *ENDED)
MAX_LOG_LINES = 5000

_COLUMNS = "id, kind, title, subject, owner, state, progress, text, created_at, changed_at, ended_at"
_LIVE = "state IN ('queued', 'running')"


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `progress` runs from 0 to 1; `text` says what it does now or how it ended; `owner` names its process."""

    id: int
    kind: str
    title: str
    subject: str
    owner: str
    state: str
    progress: float
    text: str
    created_at: float
    changed_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log; ids grow, so a reader asks for those after the last it has."""

    id: int
    at: float
    line: str


def create_job(c: Connection, kind: str, title: str, subject: str, now: float, owner: str = "") -> int:
    """Queue a job and return its id."""
    values = {
        "kind": bound_name(kind),
        "title": bound(title),
        "subject": bound(subject),
        "owner": bound_name(owner),
        "state": "queued",
        "progress": 0.0,
        "text": "",
        "created_at": now,
        "changed_at": now,
    }
    job_id = insert_row(c, "job", values)
    touch(c, "jobs", now)
    return job_id


def update_job(c: Connection, job_id: int, state: str, progress: float, text: str, now: float) -> bool:
    """Say where the job is. False once it has ended: an end is final, whoever was first."""
    assert state in STATES, state
    ended_at = now if state in ENDED else None
    changed = run(
        c,
        f"UPDATE job SET state = ?, progress = ?, text = ?, changed_at = ?, ended_at = ? WHERE id = ? AND {_LIVE}",  # noqa: S608
        (state, min(max(progress, 0.0), 1.0), bound(text), now, ended_at, job_id),
    )
    if changed:
        touch(c, "jobs", now)
    return changed > 0


def interrupt_jobs(c: Connection, owner: str, now: float) -> int:
    """Say of this owner's unfinished jobs that nobody works on them any more, as after a crash; returns how many."""
    sql = "UPDATE job SET state = 'interrupted', text = ?, changed_at = ?, ended_at = ? WHERE owner = ?"
    text = "The program ended before the job did. Start it again."
    changed = run(c, f"{sql} AND {_LIVE}", (text, now, now, owner))
    if changed:
        touch(c, "jobs", now)
    return changed


def append_log(c: Connection, job_id: int, line: str, now: float) -> None:
    """Add a line to the job's log; the newest five thousand stay."""
    insert_row(c, "job_log", {"job_id": job_id, "at": now, "line": bound(line, LINE_CHARACTERS)})
    run(
        c,
        "DELETE FROM job_log WHERE job_id = ? AND id <="
        " (SELECT id FROM job_log WHERE job_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (job_id, job_id, MAX_LOG_LINES),
    )
    touch(c, "jobs", now)


def get_job(c: Connection, job_id: int) -> Job | None:
    """One job, or `None`."""
    row = fetch_one(c, f"SELECT {_COLUMNS} FROM job WHERE id = ?", (job_id,))  # noqa: S608
    return Job(*row) if row else None


def list_jobs(c: Connection, limit: int = 100) -> list[Job]:
    """The latest jobs, the newest first."""
    return [Job(*row) for row in fetch(c, f"SELECT {_COLUMNS} FROM job ORDER BY id DESC LIMIT ?", (limit,))]  # noqa: S608


def job_log(c: Connection, job_id: int, after_id: int = 0) -> list[LogLine]:
    """The job's log lines after `after_id`, the oldest first."""
    rows = fetch(c, "SELECT id, at, line FROM job_log WHERE job_id = ? AND id > ? ORDER BY id", (job_id, after_id))
    return [LogLine(*row) for row in rows]
