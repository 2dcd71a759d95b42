"""Every table, in one place. Columns are portable between SQLite and PostgreSQL.

Times are Unix seconds (float) given by the caller. Digests are SHA-256 in lower-case hex. Columns
named in a comment as JSON hold the text that `json_text` makes. Text from devices is cut to its column's use by
`bound` before it is written; the columns themselves are unbounded so that both databases take the same rows.

Changing a table means a new revision in `migration/version/`; a test compares the migrated schema with this file.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

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

_NEVER_REUSE: dict[str, Any] = {"sqlite_autoincrement": True}
"""Ids that leave the database (signed metadata, undo of a deletion) must not come back for another row."""


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _id() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


# --- the site and who runs it ----------------------------------------------------------------------------------------

site = Table("site", metadata, Column("name", Text, primary_key=True), _number("created_at"))

site_value = Table(
    "site_value",
    metadata,
    Column("key", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    _count("number"),
    _number("changed_at"),
)

change = Table("change", metadata, Column("topic", Text, primary_key=True), _count("counter"), _number("at"))

lease = Table("lease", metadata, Column("name", Text, primary_key=True), _text("holder"), _number("expires_at"))

component_status = Table(
    "component_status",
    metadata,
    Column("component", Text, primary_key=True),
    _text("state"),
    _text("text"),
    _text("todo"),
    _number("at"),
)

join_token = Table(
    "join_token",
    metadata,
    _id(),
    Column("secret_hash", Text, nullable=False, unique=True),
    _text("role"),
    _text("hardware_profile"),
    _text("note"),
    _text("created_by"),
    _number("created_at"),
    _number("expires_at"),
    _text("used_by"),
    _number("used_at", nullable=True),
    **_NEVER_REUSE,
)

certificate = Table(
    "certificate",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    _text("name"),
    _text("role"),
    _text("pem"),
    _number("issued_at"),
    _number("revoked_at", nullable=True),
    Index(None, "name", "issued_at"),
)

journal = Table(
    "journal",
    metadata,
    _id(),
    _number("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    _text("text"),
    Index(None, "subject", "id"),
)

# --- devices and groups ----------------------------------------------------------------------------------------------

device = Table(  # in the order of domain.device.Device, which is built straight from the row
    "device",
    metadata,
    Column("id", Text, primary_key=True),
    _text("hardware_profile"),
    _text("labels"),  # JSON object
    _number("joined_at"),
    _number("revoked_at", nullable=True),
    Column("online", Boolean, nullable=False),
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
    Index(None, "changed_at"),
)

device_event = Table(
    "device_event",
    metadata,
    _id(),
    _text("device_id"),
    _number("at"),
    _text("severity"),
    _text("code"),
    _text("text"),
    Index(None, "device_id", "id"),
)

running_report = Table(
    "running_report",
    metadata,
    Column("device_id", Text, ForeignKey("device.id"), primary_key=True),
    _count("counter"),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    _number("at"),
)

model_history = Table(
    "model_history",
    metadata,
    _id(),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    _number("at"),
    _text("model"),
    _count("version"),
    _text("variant"),
    _text("digest"),
    _text("why"),
    Index(None, "device_id", "id"),
)

device_group = Table(
    "device_group",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("kind"),
    _text("filter_text"),
    Column("production", Boolean, nullable=False),
    Column("parent_id", RowId, ForeignKey("device_group.id"), nullable=True),
    _count("position"),
    **_NEVER_REUSE,
)

group_member = Table(
    "group_member",
    metadata,
    Column("group_id", RowId, ForeignKey("device_group.id", ondelete="CASCADE"), nullable=False),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    PrimaryKeyConstraint("group_id", "device_id"),
)

# --- models and releases ---------------------------------------------------------------------------------------------

model_version = Table(
    "model_version",
    metadata,
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
    _text("inputs"),  # JSON list of TensorContract
    _text("outputs"),  # JSON list of TensorContract
    _text("preprocessing"),  # JSON Preprocessing
    _text("golden_digest"),
    _count("golden_size_bytes"),
    _count("release_counter"),
    _text("note"),
    UniqueConstraint("model", "version"),
    **_NEVER_REUSE,
)

variant = Table(
    "variant",
    metadata,
    _id(),
    Column("version_id", RowId, ForeignKey("model_version.id", ondelete="CASCADE"), nullable=False),
    _text("name"),
    _text("precision"),
    _text("digest"),
    _count("size_bytes"),
    _text("profiles"),  # JSON list of hardware profile ids
    _text("evidence"),  # JSON Evidence
    _text("reasons"),  # JSON object: profile id -> sentence
    _text("lineage"),  # JSON object: what it was made from and how
    UniqueConstraint("version_id", "name"),
    Index(None, "digest"),
    **_NEVER_REUSE,
)

release_metadata = Table(
    "release_metadata",
    metadata,
    _text("repo"),
    _text("device"),
    _text("role"),
    _count("version"),  # 0 for the one file that carries no version in its name
    Column("data", LargeBinary, nullable=False),
    _number("changed_at"),
    PrimaryKeyConstraint("repo", "device", "role", "version"),
)

# --- rollouts --------------------------------------------------------------------------------------------------------

rollout = Table(
    "rollout",
    metadata,
    _id(),
    _text("model"),
    _count("version"),
    Column("version_id", RowId, ForeignKey("model_version.id"), nullable=False),
    _text("group_name"),
    _text("state"),
    _number("state_since"),
    _text("policy"),  # JSON RolloutPolicy
    _number("created_at"),
    _text("created_by"),
    _text("reason"),
    _number("started_at", nullable=True),
    _number("ended_at", nullable=True),
    _count("bytes_planned"),
    Index(None, "state"),
    **_NEVER_REUSE,
)

wave = Table(
    "wave",
    metadata,
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    _count("wave_index"),
    _text("state"),
    _number("state_since"),
    _number("started_at", nullable=True),
    _count("devices"),
    _text("findings"),  # JSON list of GateFinding
    _text("reason"),
    PrimaryKeyConstraint("rollout_id", "wave_index"),
)

execution = Table(
    "execution",
    metadata,
    _id(),
    Column("rollout_id", RowId, nullable=False),
    _count("wave"),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    _count("attempt"),
    _text("digest"),
    _text("previous_digest"),
    _text("state"),
    _number("state_since"),
    _text("reason"),
    Column("evidence", Text, nullable=True),  # JSON TrialEvidence
    Column("undo", Boolean, nullable=False),
    _count("downloaded_bytes"),
    _number("forgiven_at", nullable=True),  # a person said that the digest may be tried again on this device
    ForeignKeyConstraint(["rollout_id", "wave"], ["wave.rollout_id", "wave.wave_index"]),
    UniqueConstraint("rollout_id", "device_id", "attempt"),
    Index(None, "device_id", "id"),
    Index(None, "rollout_id", "wave", "undo", "state"),  # counts of a rollout come from this alone
    **_NEVER_REUSE,
)

rollout_exclusion = Table(
    "rollout_exclusion",
    metadata,
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    _text("reason"),
    PrimaryKeyConstraint("rollout_id", "device_id"),
)

rollout_command = Table(
    "rollout_command",
    metadata,
    _id(),
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    _text("act"),
    _text("by"),
    _number("at"),
    _number("handled_at", nullable=True),
    _text("outcome"),
    Index(None, "handled_at"),
    **_NEVER_REUSE,
)

rollout_event = Table(
    "rollout_event",
    metadata,
    _id(),
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    _number("at"),
    _text("kind"),  # rollout, wave, execution or command
    _count("wave", nullable=True),
    _text("device_id"),
    _text("state"),
    _text("text"),
    Index(None, "rollout_id", "kind", "id"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("device_id", Text, ForeignKey("device.id"), primary_key=True),
    Column("execution_id", RowId, ForeignKey("execution.id"), nullable=True),
    _text("digest"),
    _text("target_path"),
    Column("undo", Boolean, nullable=False),
    _text("gate"),  # JSON GatePolicy
    _count("director_version"),
    _number("assigned_at"),
    _number("published_at", nullable=True),
    Index(None, "published_at"),
)

# --- what devices send -----------------------------------------------------------------------------------------------

record = Table(
    "record",
    metadata,
    _id(),
    _text("device_id"),
    _count("boot"),
    _count("seq"),
    _number("at"),  # the device's clock
    _number("received_at"),
    _text("kind"),
    _text("body"),  # JSON
)

watermark = Table(
    "watermark",
    metadata,
    _text("device_id"),
    _count("boot"),
    _count("seq"),
    _number("changed_at"),
    PrimaryKeyConstraint("device_id", "boot"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    _id(),
    _number("at"),
    _text("device_id"),
    _text("topic"),
    _text("reason"),
    Column("payload", LargeBinary, nullable=False),
    _count("payload_bytes"),
)

metric_sample = Table(  # no row id: TimescaleDB can partition it by time as it stands
    "metric_sample",
    metadata,
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
    Index(None, "device_id", "at"),
    Index(None, "at", "device_id", "latency_p95_ms"),  # the sparklines of a whole fleet come from this alone
)

# --- work on this side -----------------------------------------------------------------------------------------------

job = Table(
    "job",
    metadata,
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
    **_NEVER_REUSE,
)

job_log = Table(
    "job_log",
    metadata,
    _id(),
    Column("job_id", RowId, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    _number("at"),
    _text("line"),
    Index(None, "job_id", "id"),
)
