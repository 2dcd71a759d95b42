"""Which schema this program speaks, without importing Alembic: a current database opens without it."""

from __future__ import annotations

REVISION_TABLE = "edgeyard_revision"
"""Our own name: a PostgreSQL database may hold another program's `alembic_version`."""

CURRENT_REVISION = "0002"
"""The newest revision in `migration/version/`."""
