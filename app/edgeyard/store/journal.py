"""Who did what, in words, one entry after another; entries are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.raw import fetch, insert_row


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One act. `action` is a verb (`revoke`), `subject` what it was done to (`device press-1`)."""

    id: int
    at: float
    actor: str
    action: str
    subject: str
    text: str


def note(c: Connection, actor: str, action: str, subject: str, text: str, now: float) -> int:
    """Add an entry, in the transaction of the act itself; returns its id."""
    touch(c, "journal", now)
    values = {
        "at": now,
        "actor": bound_name(actor),
        "action": bound_name(action),
        "subject": bound(subject),
        "text": bound(text),
    }
    return insert_row(c, "journal", values)


def entries(c: Connection, limit: int = 200, subject: str | None = None) -> list[JournalEntry]:
    """The latest entries, the newest first; of one subject or of all."""
    sql, parameters = "SELECT id, at, actor, action, subject, text FROM journal", list[Any]()
    if subject is not None:
        sql, parameters = f"{sql} WHERE subject = ?", [subject]
    return [JournalEntry(*row) for row in fetch(c, f"{sql} ORDER BY id DESC LIMIT ?", (*parameters, limit))]
