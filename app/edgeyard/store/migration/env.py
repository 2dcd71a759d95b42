"""Alembic's entry into our revisions. The caller opened a transaction and holds the lock; nothing is committed here."""

from __future__ import annotations

from alembic import context

from edgeyard.store.revision import REVISION_TABLE
from edgeyard.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=REVISION_TABLE,
    compare_type=True,
    # SQLite alters most things only by rebuilding the table.
    render_as_batch=True,
    # True for SQLite too: the driver is in autocommit mode and our BEGIN IMMEDIATE spans the DDL.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
