"""Tables of lab runs: what devices were asked to measure, what they measured, and where a release demands it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from edgeyard.store.column import NEVER_REUSE, RowId, count, metadata, number, row_id, text

lab_run = Table(
    "lab_run",
    metadata,
    row_id(),
    Column("device_id", Text, ForeignKey("device.id"), nullable=False),
    Column("version_id", RowId, ForeignKey("model_version.id", ondelete="CASCADE"), nullable=False),
    count("serial"),
    text("state"),
    text("reason"),
    text("created_by"),
    number("created_at"),
    number("changed_at"),
    number("expires_at"),
    Column("signed_order", LargeBinary, nullable=False),
    UniqueConstraint("device_id", "serial"),
    Index(None, "version_id"),
    Index(None, "state", "device_id"),
    **NEVER_REUSE,
)

lab_result = Table(
    "lab_result",
    metadata,
    Column("run_id", RowId, ForeignKey("lab_run.id", ondelete="CASCADE"), nullable=False),
    text("digest"),
    text("name"),
    text("hardware_profile"),
    number("at"),
    text("reason"),
    text("figures"),  # JSON LabFigures, empty when it could not be measured
    PrimaryKeyConstraint("run_id", "digest"),
    Index(None, "digest"),
)

lab_demand = Table(
    "lab_demand",
    metadata,
    text("model"),
    text("hardware_profile"),
    text("demanded_by"),
    number("demanded_at"),
    PrimaryKeyConstraint("model", "hardware_profile"),
)
