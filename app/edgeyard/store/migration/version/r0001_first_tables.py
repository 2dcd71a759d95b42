"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table of revision 0001. Written out in full: `tables.py` moves on, a revision never does."""
    _create_site()
    _create_devices()
    _create_models()
    _create_rollouts()
    _create_telemetry()
    _create_jobs()


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _bytes(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _id() -> sa.Column[Any]:
    return sa.Column("id", _ROW_ID, autoincrement=True, nullable=False)


def _reference(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _ROW_ID, nullable=nullable)


def _create_site() -> None:
    op.create_table(
        "site",
        _text("name"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("name", name="pk_site"),
    )
    op.create_table(
        "site_value",
        _text("key"),
        _bytes("data"),
        _count("number"),
        _number("changed_at"),
        sa.PrimaryKeyConstraint("key", name="pk_site_value"),
    )
    op.create_table(
        "change",
        _text("topic"),
        _count("counter"),
        _number("at"),
        sa.PrimaryKeyConstraint("topic", name="pk_change"),
    )
    op.create_table(
        "lease",
        _text("name"),
        _text("holder"),
        _number("expires_at"),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "component_status",
        _text("component"),
        _text("state"),
        _text("text"),
        _text("todo"),
        _number("at"),
        sa.PrimaryKeyConstraint("component", name="pk_component_status"),
    )
    op.create_table(
        "join_token",
        _id(),
        _text("secret_hash"),
        _text("role"),
        _text("hardware_profile"),
        _text("note"),
        _text("created_by"),
        _number("created_at"),
        _number("expires_at"),
        _text("used_by"),
        _number("used_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_join_token"),
        sa.UniqueConstraint("secret_hash", name="uq_join_token_secret_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "certificate",
        _text("fingerprint"),
        _text("name"),
        _text("role"),
        _text("pem"),
        _number("issued_at"),
        _number("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_certificate"),
    )
    op.create_index("ix_certificate_name_issued_at", "certificate", ["name", "issued_at"])
    op.create_table(
        "journal",
        _id(),
        _number("at"),
        _text("actor"),
        _text("action"),
        _text("subject"),
        _text("text"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_subject_id", "journal", ["subject", "id"])


def _create_devices() -> None:
    op.create_table(
        "device",
        _text("id"),
        _text("hardware_profile"),
        _text("labels"),
        _number("joined_at"),
        _number("revoked_at", nullable=True),
        _flag("online"),
        _number("last_seen_at", nullable=True),
        _text("agent_version"),
        _text("running_digest"),
        _text("running_model"),
        _count("running_version"),
        _text("running_variant"),
        _text("previous_digest"),
        _text("assigned_digest"),
        _text("update_state"),
        _number("latency_p50_ms", nullable=True),
        _number("latency_p95_ms", nullable=True),
        _number("inferences_per_s", nullable=True),
        _number("error_rate", nullable=True),
        _number("cpu_percent", nullable=True),
        _count("memory_bytes", nullable=True),
        _number("temperature_c", nullable=True),
        _number("clock_skew_s", nullable=True),
        _text("problem"),
        _text("problem_severity"),
        _number("changed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
    )
    op.create_index("ix_device_changed_at", "device", ["changed_at"])
    op.create_table(
        "device_event",
        _id(),
        _text("device_id"),
        _number("at"),
        _text("severity"),
        _text("code"),
        _text("text"),
        sa.PrimaryKeyConstraint("id", name="pk_device_event"),
    )
    op.create_index("ix_device_event_device_id_id", "device_event", ["device_id", "id"])
    op.create_table(
        "running_report",
        _text("device_id"),
        _count("counter"),
        _bytes("statement"),
        _bytes("signature"),
        _number("at"),
        sa.PrimaryKeyConstraint("device_id", name="pk_running_report"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_running_report_device_id"),
    )
    op.create_table(
        "model_history",
        _id(),
        _text("device_id"),
        _number("at"),
        _text("model"),
        _count("version"),
        _text("variant"),
        _text("digest"),
        _text("why"),
        sa.PrimaryKeyConstraint("id", name="pk_model_history"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_model_history_device_id"),
    )
    op.create_index("ix_model_history_device_id_id", "model_history", ["device_id", "id"])
    op.create_table(
        "device_group",
        _id(),
        _text("name"),
        _text("kind"),
        _text("filter_text"),
        _flag("production"),
        _reference("parent_id", nullable=True),
        _count("position"),
        sa.PrimaryKeyConstraint("id", name="pk_device_group"),
        sa.ForeignKeyConstraint(["parent_id"], ["device_group.id"], name="fk_device_group_parent_id"),
        sa.UniqueConstraint("name", name="uq_device_group_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "group_member",
        _reference("group_id"),
        _text("device_id"),
        sa.PrimaryKeyConstraint("group_id", "device_id", name="pk_group_member"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_group_member_device_id"),
        sa.ForeignKeyConstraint(["group_id"], ["device_group.id"], name="fk_group_member_group_id", ondelete="CASCADE"),
    )


def _create_models() -> None:
    op.create_table(
        "model_version",
        _id(),
        _text("model"),
        _count("version"),
        _text("source_digest"),
        _count("source_size_bytes"),
        _text("stage"),
        _number("created_at"),
        _count("parameters"),
        _count("multiply_adds"),
        _count("opset"),
        _text("inputs"),
        _text("outputs"),
        _text("preprocessing"),
        _text("golden_digest"),
        _count("golden_size_bytes"),
        _count("release_counter"),
        _text("note"),
        sa.PrimaryKeyConstraint("id", name="pk_model_version"),
        sa.UniqueConstraint("model", "version", name="uq_model_version_model_version"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "variant",
        _id(),
        _reference("version_id"),
        _text("name"),
        _text("precision"),
        _text("digest"),
        _count("size_bytes"),
        _text("profiles"),
        _text("evidence"),
        _text("reasons"),
        _text("lineage"),
        sa.PrimaryKeyConstraint("id", name="pk_variant"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_variant_version_id", ondelete="CASCADE"),
        sa.UniqueConstraint("version_id", "name", name="uq_variant_version_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variant_digest", "variant", ["digest"])
    op.create_table(
        "release_metadata",
        _text("repo"),
        _text("device"),
        _text("role"),
        _count("version"),
        _bytes("data"),
        _number("changed_at"),
        sa.PrimaryKeyConstraint("repo", "device", "role", "version", name="pk_release_metadata"),
    )


def _create_rollouts() -> None:
    op.create_table(
        "rollout",
        _id(),
        _text("model"),
        _count("version"),
        _reference("version_id"),
        _text("group_name"),
        _text("state"),
        _number("state_since"),
        _text("policy"),
        _number("created_at"),
        _text("created_by"),
        _text("reason"),
        _number("started_at", nullable=True),
        _number("ended_at", nullable=True),
        _count("bytes_planned"),
        sa.PrimaryKeyConstraint("id", name="pk_rollout"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name="fk_rollout_version_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rollout_state", "rollout", ["state"])
    op.create_table(
        "wave",
        _reference("rollout_id"),
        _count("wave_index"),
        _text("state"),
        _number("state_since"),
        _number("started_at", nullable=True),
        _count("devices"),
        _text("findings"),
        _text("reason"),
        sa.PrimaryKeyConstraint("rollout_id", "wave_index", name="pk_wave"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_wave_rollout_id"),
    )
    op.create_table(
        "execution",
        _id(),
        _reference("rollout_id"),
        _count("wave"),
        _text("device_id"),
        _count("attempt"),
        _text("digest"),
        _text("previous_digest"),
        _text("state"),
        _number("state_since"),
        _text("reason"),
        _text("evidence", nullable=True),
        _flag("undo"),
        _count("downloaded_bytes"),
        _number("forgiven_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_execution"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_execution_device_id"),
        sa.ForeignKeyConstraint(
            ["rollout_id", "wave"], ["wave.rollout_id", "wave.wave_index"], name="fk_execution_rollout_id_wave"
        ),
        sa.UniqueConstraint("rollout_id", "device_id", "attempt", name="uq_execution_rollout_id_device_id_attempt"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_execution_device_id_id", "execution", ["device_id", "id"])
    op.create_index("ix_execution_rollout_id_wave_undo_state", "execution", ["rollout_id", "wave", "undo", "state"])
    op.create_table(
        "rollout_exclusion",
        _reference("rollout_id"),
        _text("device_id"),
        _text("reason"),
        sa.PrimaryKeyConstraint("rollout_id", "device_id", name="pk_rollout_exclusion"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_rollout_exclusion_device_id"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_rollout_exclusion_rollout_id"),
    )
    op.create_table(
        "rollout_command",
        _id(),
        _reference("rollout_id"),
        _text("act"),
        _text("by"),
        _number("at"),
        _number("handled_at", nullable=True),
        _text("outcome"),
        sa.PrimaryKeyConstraint("id", name="pk_rollout_command"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_rollout_command_rollout_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rollout_command_handled_at", "rollout_command", ["handled_at"])
    op.create_table(
        "rollout_event",
        _id(),
        _reference("rollout_id"),
        _number("at"),
        _text("kind"),
        _count("wave", nullable=True),
        _text("device_id"),
        _text("state"),
        _text("text"),
        sa.PrimaryKeyConstraint("id", name="pk_rollout_event"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_rollout_event_rollout_id"),
    )
    op.create_index("ix_rollout_event_rollout_id_kind_id", "rollout_event", ["rollout_id", "kind", "id"])
    op.create_table(
        "assignment",
        _text("device_id"),
        _reference("execution_id", nullable=True),
        _text("digest"),
        _text("target_path"),
        _flag("undo"),
        _text("gate"),
        _count("director_version"),
        _number("assigned_at"),
        _number("published_at", nullable=True),
        sa.PrimaryKeyConstraint("device_id", name="pk_assignment"),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_assignment_device_id"),
        sa.ForeignKeyConstraint(["execution_id"], ["execution.id"], name="fk_assignment_execution_id"),
    )
    op.create_index("ix_assignment_published_at", "assignment", ["published_at"])


def _create_telemetry() -> None:
    op.create_table(
        "record",
        _id(),
        _text("device_id"),
        _count("boot"),
        _count("seq"),
        _number("at"),
        _number("received_at"),
        _text("kind"),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
    )
    op.create_table(
        "watermark",
        _text("device_id"),
        _count("boot"),
        _count("seq"),
        _number("changed_at"),
        sa.PrimaryKeyConstraint("device_id", "boot", name="pk_watermark"),
    )
    op.create_table(
        "dead_letter",
        _id(),
        _number("at"),
        _text("device_id"),
        _text("topic"),
        _text("reason"),
        _bytes("payload"),
        _count("payload_bytes"),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letter"),
    )
    op.create_table(
        "metric_sample",
        _text("device_id"),
        _number("at"),
        _number("duration_s"),
        _text("digest"),
        _count("inferences"),
        _count("errors"),
        _number("latency_p50_ms", nullable=True),
        _number("latency_p95_ms", nullable=True),
        _number("latency_p99_ms", nullable=True),
        _number("cpu_percent", nullable=True),
        _count("memory_bytes", nullable=True),
        _number("temperature_c", nullable=True),
    )
    op.create_index(
        "ix_metric_sample_at_device_id_latency_p95_ms", "metric_sample", ["at", "device_id", "latency_p95_ms"]
    )
    op.create_index("ix_metric_sample_device_id_at", "metric_sample", ["device_id", "at"])


def _create_jobs() -> None:
    op.create_table(
        "job",
        _id(),
        _text("kind"),
        _text("title"),
        _text("subject"),
        _text("owner"),
        _text("state"),
        _number("progress"),
        _text("text"),
        _number("created_at"),
        _number("changed_at"),
        _number("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_log",
        _id(),
        _reference("job_id"),
        _number("at"),
        _text("line"),
        sa.PrimaryKeyConstraint("id", name="pk_job_log"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_log_job_id", ondelete="CASCADE"),
    )
    op.create_index("ix_job_log_job_id_id", "job_log", ["job_id", "id"])
