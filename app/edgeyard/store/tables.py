"""Every table, in one place. Columns are portable between SQLite and PostgreSQL.

Times are Unix seconds (float) given by the caller. Digests are SHA-256 in lower-case hex. Columns
named in a comment as JSON hold the text that `json_text` makes. Text from devices is cut to its column's use by
`bound` before it is written; the columns themselves are unbounded so that both databases take the same rows.

Changing a table means a new revision in `migration/version/`; a test compares the migrated schema with this file.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from edgeyard.store import lab_tables  # noqa: F401 - registers its tables
from edgeyard.store.column import NEVER_REUSE, RowId, count, metadata, number, row_id, text

__all__ = ["metadata"]
"""Whoever imports it from here has every table in it."""

# --- the site and who runs it ----------------------------------------------------------------------------------------

site = Table("site", metadata, Column("name", Text, primary_key=True), number("created_at"))

site_value = Table(
    "site_value",
    metadata,
    Column("key", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    count("number"),
    number("changed_at"),
)

change = Table("change", metadata, Column("topic", Text, primary_key=True), count("counter"), number("at"))

lease = Table("lease", metadata, Column("name", Text, primary_key=True), text("holder"), number("expires_at"))

component_status = Table(
    "component_status",
    metadata,
    Column("component", Text, primary_key=True),
    text("state"),
    text("text"),
    text("todo"),
    number("at"),
)

join_token = Table(
    "join_token",
    metadata,
    row_id(),
    Column("secret_hash", Text, nullable=False, unique=True),
    text("role"),
    text("hardware_profile"),
    text("note"),
    text("created_by"),
    number("created_at"),
    number("expires_at"),
    text("used_by"),
    number("used_at", nullable=True),
    **NEVER_REUSE,
)

certificate = Table(
    "certificate",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    text("name"),
    text("role"),
    text("pem"),
    number("issued_at"),
    number("revoked_at", nullable=True),
    Index(None, "name", "issued_at"),
)

journal = Table(
    "journal",
    metadata,
    row_id(),
    number("at"),
    text("actor"),
    text("action"),
    text("subject"),
    text("text"),
    Index(None, "subject", "id"),
)

# --- devices and groups ----------------------------------------------------------------------------------------------

device = Table(  # in the order of domain.device.Device, which is built straight from the row
    "device",
    metadata,
    Column("id", Text, primary_key=True),
    text("hardware_profile"),
    text("labels"),  # JSON object
    number("joined_at"),
    number("revoked_at", nullable=True),
    Column("online", Boolean, nullable=False),
    number("last_seen_at", nullable=True),
    text("agent_version"),
    text("running_digest"),
    text("running_model"),
    count("running_version"),
    text("running_variant"),
    text("previous_digest"),
    text("assigned_digest"),
    text("update_state"),
    number("latency_p50_ms", nullable=True),
    number("latency_p95_ms", nullable=True),
    number("inferences_per_s", nullable=True),
    number("error_rate", nullable=True),
    number("cpu_percent", nullable=True),
    count("memory_bytes", nullable=True),
    number("temperature_c", nullable=True),
    number("clock_skew_s", nullable=True),
    text("problem"),
    text("problem_severity"),
    number("changed_at"),
    Index(None, "changed_at"),
)

device_event = Table(
    "device_event",
    metadata,
    row_id(),
    text("device_id"),
    number("at"),
    text("severity"),
    text("code"),
    text("text"),
    Index(None, "device_id", "id"),
)

running_report = Table(
    "running_report",
    metadata,
    Column("device_id", Text, ForeignKey("device.id"), primary_key=True),
    count("counter"),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    number("at"),
)

model_history = Table(
    "model_history",
    metadata,
    row_id(),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    number("at"),
    text("model"),
    count("version"),
    text("variant"),
    text("digest"),
    text("why"),
    Index(None, "device_id", "id"),
)

device_group = Table(
    "device_group",
    metadata,
    row_id(),
    Column("name", Text, nullable=False, unique=True),
    text("kind"),
    text("filter_text"),
    Column("production", Boolean, nullable=False),
    Column("parent_id", RowId, ForeignKey("device_group.id"), nullable=True),
    count("position"),
    **NEVER_REUSE,
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
    row_id(),
    text("model"),
    count("version"),
    text("source_digest"),
    count("source_size_bytes"),
    text("stage"),
    number("created_at"),
    count("parameters"),
    count("multiply_adds"),
    count("opset"),
    text("inputs"),  # JSON list of TensorContract
    text("outputs"),  # JSON list of TensorContract
    text("preprocessing"),  # JSON Preprocessing
    text("golden_digest"),
    count("golden_size_bytes"),
    count("release_counter"),
    text("note"),
    UniqueConstraint("model", "version"),
    **NEVER_REUSE,
)

variant = Table(
    "variant",
    metadata,
    row_id(),
    Column("version_id", RowId, ForeignKey("model_version.id", ondelete="CASCADE"), nullable=False),
    text("name"),
    text("precision"),
    text("digest"),
    count("size_bytes"),
    text("profiles"),  # JSON list of hardware profile ids
    text("evidence"),  # JSON Evidence
    text("reasons"),  # JSON object: profile id -> sentence
    text("lineage"),  # JSON object: what it was made from and how
    UniqueConstraint("version_id", "name"),
    Index(None, "digest"),
    **NEVER_REUSE,
)

release_metadata = Table(
    "release_metadata",
    metadata,
    text("repo"),
    text("device"),
    text("role"),
    count("version"),  # 0 for the one file that carries no version in its name
    Column("data", LargeBinary, nullable=False),
    number("changed_at"),
    PrimaryKeyConstraint("repo", "device", "role", "version"),
)

# --- rollouts --------------------------------------------------------------------------------------------------------

rollout = Table(
    "rollout",
    metadata,
    row_id(),
    text("model"),
    count("version"),
    Column("version_id", RowId, ForeignKey("model_version.id"), nullable=False),
    text("group_name"),
    text("state"),
    number("state_since"),
    text("policy"),  # JSON RolloutPolicy
    number("created_at"),
    text("created_by"),
    text("reason"),
    number("started_at", nullable=True),
    number("ended_at", nullable=True),
    count("bytes_planned"),
    Index(None, "state"),
    **NEVER_REUSE,
)

wave = Table(
    "wave",
    metadata,
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    count("wave_index"),
    text("state"),
    number("state_since"),
    number("started_at", nullable=True),
    count("devices"),
    text("findings"),  # JSON list of GateFinding
    text("reason"),
    PrimaryKeyConstraint("rollout_id", "wave_index"),
)

execution = Table(
    "execution",
    metadata,
    row_id(),
    Column("rollout_id", RowId, nullable=False),
    count("wave"),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    count("attempt"),
    text("digest"),
    text("previous_digest"),
    text("state"),
    number("state_since"),
    text("reason"),
    Column("evidence", Text, nullable=True),  # JSON TrialEvidence
    Column("undo", Boolean, nullable=False),
    count("downloaded_bytes"),
    number("forgiven_at", nullable=True),  # a person said that the digest may be tried again on this device
    ForeignKeyConstraint(["rollout_id", "wave"], ["wave.rollout_id", "wave.wave_index"]),
    UniqueConstraint("rollout_id", "device_id", "attempt"),
    Index(None, "device_id", "id"),
    Index(None, "rollout_id", "wave", "undo", "state"),  # counts of a rollout come from this alone
    **NEVER_REUSE,
)

rollout_exclusion = Table(
    "rollout_exclusion",
    metadata,
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    text("reason"),
    PrimaryKeyConstraint("rollout_id", "device_id"),
)

rollout_command = Table(
    "rollout_command",
    metadata,
    row_id(),
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    text("act"),
    text("by"),
    number("at"),
    number("handled_at", nullable=True),
    text("outcome"),
    Index(None, "handled_at"),
    **NEVER_REUSE,
)

rollout_event = Table(
    "rollout_event",
    metadata,
    row_id(),
    Column("rollout_id", RowId, ForeignKey("rollout.id"), nullable=False),
    number("at"),
    text("kind"),  # rollout, wave, execution or command
    count("wave", nullable=True),
    text("device_id"),
    text("state"),
    text("text"),
    Index(None, "rollout_id", "kind", "id"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("device_id", Text, ForeignKey("device.id"), primary_key=True),
    Column("execution_id", RowId, ForeignKey("execution.id"), nullable=True),
    text("digest"),
    text("target_path"),
    Column("undo", Boolean, nullable=False),
    text("gate"),  # JSON GatePolicy
    count("director_version"),
    number("assigned_at"),
    number("published_at", nullable=True),
    Index(None, "published_at"),
)

# --- what devices send -----------------------------------------------------------------------------------------------

record = Table(
    "record",
    metadata,
    row_id(),
    text("device_id"),
    count("boot"),
    count("seq"),
    number("at"),  # the device's clock
    number("received_at"),
    text("kind"),
    text("body"),  # JSON
)

watermark = Table(
    "watermark",
    metadata,
    text("device_id"),
    count("boot"),
    count("seq"),
    number("changed_at"),
    PrimaryKeyConstraint("device_id", "boot"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    row_id(),
    number("at"),
    text("device_id"),
    text("topic"),
    text("reason"),
    Column("payload", LargeBinary, nullable=False),
    count("payload_bytes"),
)

metric_sample = Table(  # no row id: TimescaleDB can partition it by time as it stands
    "metric_sample",
    metadata,
    text("device_id"),
    number("at"),
    number("duration_s"),
    text("digest"),
    count("inferences"),
    count("errors"),
    number("latency_p50_ms", nullable=True),
    number("latency_p95_ms", nullable=True),
    number("latency_p99_ms", nullable=True),
    number("cpu_percent", nullable=True),
    count("memory_bytes", nullable=True),
    number("temperature_c", nullable=True),
    Index(None, "device_id", "at"),
    Index(None, "at", "device_id", "latency_p95_ms"),  # the sparklines of a whole fleet come from this alone
)

# --- work on this side -----------------------------------------------------------------------------------------------

job = Table(
    "job",
    metadata,
    row_id(),
    text("kind"),
    text("title"),
    text("subject"),
    text("owner"),
    text("state"),
    number("progress"),
    text("text"),
    number("created_at"),
    number("changed_at"),
    number("ended_at", nullable=True),
    **NEVER_REUSE,
)

job_log = Table(
    "job_log",
    metadata,
    row_id(),
    Column("job_id", RowId, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    number("at"),
    text("line"),
    Index(None, "job_id", "id"),
)
