"""Lab runs, their results, and where a release demands them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the tables of revision 0002. Written out in full: `tables.py` moves on, a revision never does."""
    op.create_table(
        "lab_run",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("version_id", _ROW_ID, nullable=False),
        sa.Column("serial", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("signed_order", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lab_run"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_lab_run_device_id"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_lab_run_version_id", ondelete="CASCADE"),
        sa.UniqueConstraint("device_id", "serial", name="uq_lab_run_device_id_serial"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lab_run_version_id", "lab_run", ["version_id"])
    op.create_index("ix_lab_run_state_device_id", "lab_run", ["state", "device_id"])
    op.create_table(
        "lab_result",
        sa.Column("run_id", _ROW_ID, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hardware_profile", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "digest", name="pk_lab_result"),
        sa.ForeignKeyConstraint(["run_id"], ["lab_run.id"], name="fk_lab_result_run_id", ondelete="CASCADE"),
    )
    op.create_index("ix_lab_result_digest", "lab_result", ["digest"])
    op.create_table(
        "lab_demand",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("hardware_profile", sa.Text, nullable=False),
        sa.Column("demanded_by", sa.Text, nullable=False),
        sa.Column("demanded_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model", "hardware_profile", name="pk_lab_demand"),
    )
