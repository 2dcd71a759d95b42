"""Figures of the live plane: many devices in one transaction, only what a message carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import bound_name, finite, natural
from edgeyard.store.change import touch_devices
from edgeyard.store.raw import run_many


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """What was heard of one device at `at` (hub's clock). `None` leaves a figure as it was.

    `online=False` is the last will of a device that went away, so it does not count as having been seen.
    """

    device_id: str
    at: float
    online: bool | None = None
    agent_version: str | None = None
    update_state: str | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    inferences_per_s: float | None = None
    error_rate: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    temperature_c: float | None = None
    clock_skew_s: float | None = None


_FIGURES = (
    "online",
    "agent_version",
    "update_state",
    "latency_p50_ms",
    "latency_p95_ms",
    "inferences_per_s",
    "error_rate",
    "cpu_percent",
    "memory_bytes",
    "temperature_c",
    "clock_skew_s",
)

_UPDATE = (
    "UPDATE device SET "  # noqa: S608 - our own names
    + ", ".join(f"{name} = coalesce(?, {name})" for name in _FIGURES)
    + ", last_seen_at = CASE WHEN ? AND (last_seen_at IS NULL OR last_seen_at < ?) THEN ? ELSE last_seen_at END"
    + " WHERE id = ? AND revoked_at IS NULL"
)


def update_live(c: Connection, updates: Sequence[LiveUpdate]) -> None:
    """Write the figures of many devices. Unknown and revoked devices are passed over.

    Rows are taken by id, so that two ingest workers on PostgreSQL cannot wait for each other in a circle.
    """
    if not updates:
        return
    run_many(c, _UPDATE, [_parameters(update) for update in sorted(updates, key=lambda update: update.device_id)])
    touch_devices(c, (update.device_id for update in updates), max(update.at for update in updates))


def _parameters(update: LiveUpdate) -> tuple[object, ...]:
    return (
        update.online,
        None if update.agent_version is None else bound_name(update.agent_version),
        None if update.update_state is None else bound_name(update.update_state),
        finite(update.latency_p50_ms),
        finite(update.latency_p95_ms),
        finite(update.inferences_per_s),
        finite(update.error_rate),
        finite(update.cpu_percent),
        natural(update.memory_bytes),
        finite(update.temperature_c),
        finite(update.clock_skew_s),
        update.online is not False,
        update.at,
        update.at,
        update.device_id,
    )
