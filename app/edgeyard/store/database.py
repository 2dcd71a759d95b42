"""Open a database, read from it, and write to it in one transaction at a time.

`read()` gives one consistent snapshot and refuses writes; `write()` is one transaction that is committed at the end of
the block or rolled back whole. On SQLite writers queue for the file; on PostgreSQL they run side by side. Problems of
the database (locked, full, gone) come out as `UserError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from edgeyard.store import engine as engines
from edgeyard.store.change import begin_changes, settle_changes
from edgeyard.store.engine import sqlite_url
from edgeyard.store.revision import CURRENT_REVISION
from edgeyard.store.sqlite_file import check_file, create_file, peek_revision, switch_to_wal
from edgeyard.store.trouble import explain
from edgeyard.store.upgrade import check_known, read_revision, upgrade

__all__ = ["Connection", "Database", "sqlite_url"]

BUSY_TIMEOUT_S = 10.0


class Database:
    """One open database. Safe to share between threads; not between processes (open it again after a fork)."""

    def __init__(self, url: str, place: str, reader: Engine, writer: Engine) -> None:
        self.url = url
        """As given to `open`; holds the password of a PostgreSQL server, so never show it."""
        self.place = place
        """The file, or user@host:port/name: safe to show."""
        self._reader = reader
        self._writer = writer

    @classmethod
    def open(cls, url: str, *, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
        """Open the database at `url`, creating (if `create`) or upgrading its tables.

        Raises `UserError` when it is missing, locked, read-only, damaged, of a newer Edgeyard or of another program,
        or when the server cannot be reached; nothing is changed then. `busy_timeout_s` bounds how long any one
        statement waits for another writer.
        """
        parsed = engines.read_url(url)
        place = engines.place_of(parsed)
        if parsed.drivername == "sqlite":
            return _open_sqlite(url, parsed, place, busy_timeout_s, create=create)
        return _open_postgres(url, parsed, place, busy_timeout_s)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot; writing through it fails."""
        with _in_words(self.place, reading=True), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Holds the only write lock on SQLite: compute first, then write, and never wait for anything inside.
        """
        with _in_words(self.place), self._writer.begin() as connection:
            begin_changes(connection)
            yield connection
            settle_changes(connection)

    def close(self) -> None:
        """Close every pooled connection. The database may not be used afterwards."""
        self._reader.dispose()
        self._writer.dispose()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    def __repr__(self) -> str:
        return f"Database({self.place})"


@contextmanager
def _in_words(place: str, *, reading: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        words = explain(error, place, reading=reading)
        if words is None:
            raise
        raise words from error


def _open_sqlite(text: str, url: URL, place: str, busy_timeout_s: float, *, create: bool) -> Database:
    path = Path(place)
    check_file(path, create=create)
    reader = engines.create_sqlite_engine(url, busy_timeout_s, read_only=True)
    writer = engines.create_sqlite_engine(url, busy_timeout_s, read_only=False)
    database = Database(text, place, reader, writer)
    try:
        with _in_words(place):
            revision = peek_revision(path, busy_timeout_s)
            if revision is not None:
                check_known(revision, place)
            if revision != CURRENT_REVISION:
                create_file(path)
                with writer.begin() as connection:
                    upgrade(connection, place)
            switch_to_wal(path, busy_timeout_s)
    except BaseException:
        database.close()
        raise
    return database


def _open_postgres(text: str, url: URL, place: str, lock_timeout_s: float) -> Database:
    writer = engines.create_postgres_engine(url, lock_timeout_s)
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    database = Database(text, place, reader, writer)
    try:
        with _in_words(place):
            with reader.begin() as connection:
                current = read_revision(connection) == CURRENT_REVISION
            if not current:
                with writer.begin() as connection:
                    upgrade(connection, place)
    except BaseException:
        database.close()
        raise
    return database
