"""Plain SQL past SQLAlchemy's expression layer, with `?` for parameters on both databases.

Measured on SQLite: `exec_driver_sql` with a list of tuples inserts at 0.97 of the driver's speed, a Core insert with
dictionaries at 0.33. Only statements written in this package come here; values always travel as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection


def run(c: Connection, sql: str, parameters: Sequence[Any] = ()) -> int:
    """Run one statement; returns how many rows it hit. `sql` holds no `?` but the parameters' and no `%`."""
    return c.exec_driver_sql(in_dialect(sql, c.dialect.name), tuple(parameters)).rowcount


def fetch(c: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and return all its rows as plain tuples, unconverted: SQLite has 0 and 1 for booleans."""
    cursor = c.exec_driver_sql(in_dialect(sql, c.dialect.name), tuple(parameters)).cursor
    assert cursor is not None
    return cast(list[tuple[Any, ...]], cursor.fetchall())


def fetch_one(c: Connection, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row of a statement, or `None`."""
    rows = fetch(c, sql, parameters)
    return rows[0] if rows else None


def insert_row(c: Connection, table: str, values: Mapping[str, Any]) -> int:
    """Insert one row into a `table` with an `id` of its own and return that id."""
    names = tuple(values)
    rows = fetch(c, f"{_insert_sql(table, names)} RETURNING id", tuple(values.values()))
    return int(rows[0][0])


def run_many(c: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run one statement for every row of parameters; returns how many rows of the table were hit."""
    if not rows:
        return 0
    return c.exec_driver_sql(in_dialect(sql, c.dialect.name), list(rows)).rowcount


def insert_many(c: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert tuples, which hold `columns` in this order, into `table`."""
    run_many(c, _insert_sql(table, tuple(columns)), rows)


@lru_cache(maxsize=256)
def in_dialect(sql: str, dialect: str) -> str:
    """`sql` with the driver's own parameter mark."""
    return sql.replace("?", "%s") if dialect == "postgresql" else sql


@lru_cache(maxsize=64)
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    # Names of our own tables, never input.
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


def fetch_locked(c: Connection, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """`fetch_one` for a row that is checked before it is changed in the same transaction: nobody else may meanwhile.

    On SQLite the whole file is ours by then. NO KEY: rows that merely refer to the locked one need not wait.
    """
    return fetch_one(c, f"{sql} FOR NO KEY UPDATE" if c.dialect.name == "postgresql" else sql, parameters)


def lock_name(c: Connection, name: str) -> None:
    """Let only one transaction at a time pass here for `name`, where there is no row to lock yet."""
    if c.dialect.name == "postgresql":
        run(c, "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (name,))
