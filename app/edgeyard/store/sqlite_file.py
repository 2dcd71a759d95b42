"""Look at a SQLite file before it is opened for good: refuse what is not ours without changing a byte of it."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.store.revision import REVISION_TABLE


def check_file(path: Path, *, create: bool) -> None:
    """Raise `UserError` unless `path` can be used: its folder is there, and both may be read and written."""
    folder = path.parent
    if not folder.is_dir():
        raise UserError(f"The folder {folder} for the database does not exist.", "Create it, or choose another folder.")
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is not a file.", "Choose a file name for the database.")
    if not path.exists() and not create:
        raise UserError(
            f"There is no database at {path}.", "Start the site once (edgeyard hub run), or correct the path."
        )
    todo = "Give your user permission to write the file and its folder, or move the site to another folder."
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise UserError(f"The database {path} is read-only.", todo)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"The folder {folder} of the database is read-only.", todo)


def create_file(path: Path) -> None:
    """Create an empty file that only its owner may read: tokens' hashes and certificates will lie in it."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def peek_revision(path: Path, busy_timeout_s: float) -> str | None:
    """The schema revision of the file, or `None` for a new, empty or foreign one. Opens it read-only.

    A read-only connection neither changes the file nor folds the write-ahead log into it, as any other would when it
    closes. Raises `sqlite3.Error`.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=busy_timeout_s)) as connection:
        named = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (REVISION_TABLE,))
        if named.fetchone() is None:
            return None
        row = connection.execute(f"SELECT version_num FROM {REVISION_TABLE}").fetchone()  # noqa: S608 - a constant
        return str(row[0]) if row else None


def switch_to_wal(path: Path, busy_timeout_s: float) -> None:
    """Give the file a write-ahead log (kept in the file's header). Raises `sqlite3.Error`.

    The switch needs the file to itself and does not always wait for its turn, so we do.
    """
    give_up_at = time.monotonic() + busy_timeout_s
    with closing(sqlite3.connect(path, timeout=busy_timeout_s)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.02)
            else:
                return
