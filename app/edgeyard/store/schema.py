"""A PostgreSQL schema of one's own inside a given database: what the demo works in and removes afterwards."""

from __future__ import annotations

import re

from sqlalchemy import text

from edgeyard.domain.error import UserError
from edgeyard.store.engine import create_postgres_engine, place_of, read_url
from edgeyard.store.trouble import explain

_LOCK_TIMEOUT_S = 10.0


def create_schema(url: str, name: str) -> str:
    """Create schema `name` and return the URL of the database seen through it.

    Raises `UserError` when the server cannot be reached or refuses, `ValueError` for a name that is none.
    """
    _run(url, f"CREATE SCHEMA {_checked(name)}")
    through = read_url(url).update_query_dict({"options": f"-csearch_path={name}"})
    return through.render_as_string(hide_password=False)


def drop_schema(url: str, name: str) -> None:
    """Remove schema `name` with everything in it, if it is there. Raises `UserError`."""
    _run(url, f"DROP SCHEMA IF EXISTS {_checked(name)} CASCADE")


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a schema name: {name!r}")
    return name


def _run(url: str, statement: str) -> None:
    parsed = read_url(url)
    place = place_of(parsed)
    if parsed.get_backend_name() != "postgresql":
        raise UserError(
            f"The database {place} is not PostgreSQL.",
            "Give a URL such as postgresql+psycopg://user@host/database, or none for SQLite.",
        )
    engine = create_postgres_engine(parsed, _LOCK_TIMEOUT_S)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except Exception as error:
        words = explain(error, place)
        if words is None:
            raise
        raise words from error
    finally:
        engine.dispose()
