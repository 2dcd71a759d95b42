"""Columns as every table here has them, portable between SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, Text

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Explicit constraint names, so that a later migration can address them on both databases."""

metadata = MetaData(naming_convention=NAMING)

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes only INTEGER primary keys its own row id."""

NEVER_REUSE: dict[str, Any] = {"sqlite_autoincrement": True}
"""Ids that leave the database (signed metadata, undo of a deletion) must not come back for another row."""


def text(name: str) -> Column[str]:
    """A text that is always there, perhaps empty."""
    return Column(name, Text, nullable=False)


def number(name: str, *, nullable: bool = False) -> Column[float]:
    """A figure, or a time in Unix seconds."""
    return Column(name, Double, nullable=nullable)


def count(name: str, *, nullable: bool = False) -> Column[int]:
    """A whole number."""
    return Column(name, BigInteger, nullable=nullable)


def row_id() -> Column[int]:
    """The primary key that the database numbers itself."""
    return Column("id", RowId, primary_key=True, autoincrement=True)
