"""Engines for the two kinds of database, set up so that both behave alike.

SQLite: write-ahead log, so readers never wait for the writer; `BEGIN IMMEDIATE` for every writing transaction, because
a read transaction that turns into a write fails at once with SQLITE_BUSY_SNAPSHOT whatever the timeout;
`synchronous=FULL`, because the hub acknowledges records after its commit and devices then delete theirs: with NORMAL a
power cut may take back the last commits.

PostgreSQL: READ COMMITTED for writers, which lock the rows they check before they act; REPEATABLE READ for readers, so
that one view is one snapshot, as on SQLite.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from edgeyard.domain.error import UserError

CONNECT_TIMEOUT_S = 5
POOL_SIZE = 5
POOL_OVERFLOW = 15
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING


def sqlite_url(path: Path) -> str:
    """The database URL of a SQLite file."""
    return URL.create("sqlite", database=str(Path(path).absolute())).render_as_string()


def read_url(text: str) -> URL:
    """Parse a database URL; raises `UserError` for one that is broken or of a kind we do not speak."""
    todo = "Use postgresql+psycopg://user:password@host:5432/database, or leave it empty for SQLite."
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UserError("The database URL cannot be read.", todo) from error
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:" or url.query:
            raise UserError("A SQLite URL must name a file and nothing else.", "Use sqlite:////folder/edgeyard.db.")
        return url
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    raise UserError(f"Edgeyard does not speak to {url.drivername!r} databases.", todo)


def place_of(url: URL) -> str:
    """How people call the database: the file, or user@host:port/name without the password."""
    if url.drivername == "sqlite":
        return str(url.database)
    server = f"{url.host or 'local'}:{url.port}" if url.port else url.host or "local"
    return f"{url.username}@{server}/{url.database or ''}" if url.username else f"{server}/{url.database or ''}"


def create_sqlite_engine(url: URL, busy_timeout_s: float, *, read_only: bool) -> Engine:
    """An engine over one file. With `read_only` every write is refused by SQLite itself (`query_only`)."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise UserError(
            f"The SQLite library here is {sqlite3.sqlite_version}; Edgeyard needs 3.35 or newer.", "Update Python."
        )
    engine = create_engine(
        url,
        poolclass=QueuePool,  # a pooled connection is used by one thread at a time
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions behind our back: it would begin deferred ones, and not span DDL.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")

    begin = "BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def create_postgres_engine(url: URL, lock_timeout_s: float) -> Engine:
    """An engine over a PostgreSQL server; lost connections are noticed before they are used."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise UserError("The PostgreSQL driver is not installed.", "Install edgeyard[hub].") from error
    options = f"-c lock_timeout={int(lock_timeout_s * 1000)} -c idle_in_transaction_session_timeout=60000"
    given = url.query.get("options", "")
    url = url.difference_update_query(["options"])
    return create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "edgeyard",
            "options": f"{options} {given if isinstance(given, str) else ' '.join(given)}".strip(),
        },
    )
