"""A PostgreSQL schema of one's own inside a given database: what the demo works in and removes afterwards."""

from __future__ import annotations

import re

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from edgeyard.domain.error import UserError

_CONNECT_TIMEOUT_S = 5


def create_schema(url: str, name: str) -> str:
    """Create schema `name` and return the URL of the database seen through it. Raises `UserError`."""
    _run(url, f"CREATE SCHEMA {_checked(name)}")
    return make_url(url).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)


def drop_schema(url: str, name: str) -> None:
    """Remove schema `name` with everything in it. Raises `UserError`."""
    _run(url, f"DROP SCHEMA IF EXISTS {_checked(name)} CASCADE")


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a schema name: {name!r}")
    return name


def _run(url: str, statement: str) -> None:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "postgresql":
            raise UserError(
                f"The database {parsed.render_as_string()} is not PostgreSQL.",
                "Give a URL such as postgresql+psycopg://user@host/database, or none for SQLite.",
            )
        engine = create_engine(parsed, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S})
        try:
            with engine.begin() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(
            f"The PostgreSQL database cannot be used: {reason}", "Check its URL, user and server."
        ) from error
