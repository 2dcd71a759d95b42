"""Bring a database's schema up to this program's, in the caller's transaction. What only that needs is loaded then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from edgeyard.domain.error import UserError
from edgeyard.store.revision import CURRENT_REVISION, REVISION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_LOCK = 0x45444745_59415244
"""Key of the PostgreSQL advisory lock that one upgrade holds ("EDGEYARD" in ASCII)."""


def read_revision(c: Connection) -> str | None:
    """The schema revision of an open database, or `None` for one without our tables."""
    if not inspect(c).has_table(REVISION_TABLE):
        return None
    row = c.exec_driver_sql(f"SELECT version_num FROM {REVISION_TABLE}").first()  # noqa: S608 - a constant
    return str(row[0]) if row else None


def upgrade(c: Connection, place: str) -> None:
    """Create or upgrade the tables. The caller holds the writing transaction (SQLite: the file's write lock).

    Two programs may open a fresh database at once: the second waits here, then finds nothing left to do. Raises
    `UserError` for a newer schema or a database of another program; the caller then rolls back, nothing is changed.
    """
    if c.dialect.name == "postgresql":
        c.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
    revision = read_revision(c)
    if revision == CURRENT_REVISION:
        return
    if revision is None:
        _check_not_foreign(c, place)
    else:
        check_known(revision, place)
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = c
    command.upgrade(config, "head")


def check_known(revision: str, place: str) -> None:
    """Raise `UserError` if a database of this `revision` was made by a newer Edgeyard."""
    if revision == CURRENT_REVISION:
        return
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if revision not in known:
        raise UserError(
            f"The database {place} was made by a newer Edgeyard (schema {revision[:40]}; this one knows "
            f"{CURRENT_REVISION}). Nothing was changed.",
            "Update Edgeyard on this machine, or choose another database.",
        )


def alembic_config() -> Config:
    """Alembic's settings, without a file: the revisions lie in this package."""
    from alembic.config import Config

    folder = Path(__file__).parent / "migration"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("version_locations", str(folder / "version").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def _check_not_foreign(c: Connection, place: str) -> None:
    from edgeyard.store import tables

    existing = set(inspect(c).get_table_names())
    # A SQLite file is ours or not; a PostgreSQL database may be shared as long as no name collides.
    foreign = existing if c.dialect.name == "sqlite" else existing & set(tables.metadata.tables)
    if foreign:
        raise UserError(
            f"The database {place} holds tables of another program ({', '.join(sorted(foreign)[:3])}). "
            "Nothing was changed.",
            "Choose another file or database for Edgeyard.",
        )
