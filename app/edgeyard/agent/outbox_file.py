"""Opening the outbox's file, whatever state it is in."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    boot INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, origin TEXT UNIQUE,
    body BLOB NOT NULL, PRIMARY KEY (boot, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_kind ON record (kind, boot, seq);
"""


def open_outbox(path: Path) -> tuple[sqlite3.Connection, str]:
    """The open database and, when something was wrong with it, a sentence.

    A damaged file is set aside; where none can be made, records are kept in memory only.
    """
    try:
        return _connect(path), ""
    except sqlite3.DatabaseError as error:
        problem = f"Unsent reports were lost: {path.name} was damaged ({error}) and is made anew."
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.replace(path.with_name(path.name + ".damaged"))
    try:
        return _connect(path), problem
    except sqlite3.DatabaseError as error:
        return _connect(":memory:"), f"Reports are not kept across a restart: {path.name} cannot be made ({error})."


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=2.0)
    try:
        (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if state != "ok" or version not in {0, _FORMAT}:
            raise sqlite3.DatabaseError(f"check says {state}, format {version}")
        database.execute("PRAGMA journal_mode = WAL")
        # A record counts as kept once it survives a power cut.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA journal_size_limit = 1048576")
        if version != _FORMAT:
            database.executescript(_TABLES)
            database.execute(f"PRAGMA user_version = {_FORMAT}")
    except BaseException:
        database.close()
        raise
    return database
