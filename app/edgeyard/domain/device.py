"""A device as the site sees it, and the one word that sums up its condition."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

SILENT_AFTER_S = 30.0
"""A device that reports live figures every few seconds and was not heard for this long is silent."""


class DeviceStatus(StrEnum):
    """What an operator needs to know first; ordered from worst to calm by `STATUS_ORDER`."""

    ALARM = "alarm"
    ATTENTION = "attention"
    UPDATING = "updating"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    HEALTHY = "healthy"


STATUS_ORDER: tuple[DeviceStatus, ...] = tuple(DeviceStatus)


@dataclass(frozen=True, slots=True)
class Device:
    """Identity and last known condition of one device. Times are Unix seconds of the hub's clock."""

    id: str
    hardware_profile: str
    labels: dict[str, str] = field(default_factory=dict)
    joined_at: float = 0.0
    revoked_at: float | None = None
    online: bool = False
    last_seen_at: float | None = None
    agent_version: str = ""
    running_digest: str = ""
    running_model: str = ""
    running_version: int = 0
    running_variant: str = ""
    previous_digest: str = ""
    assigned_digest: str = ""
    update_state: str = ""
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    inferences_per_s: float | None = None
    error_rate: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    temperature_c: float | None = None
    clock_skew_s: float | None = None
    problem: str = ""
    problem_severity: str = ""
    changed_at: float = 0.0


def device_status(device: Device, now: float) -> DeviceStatus:
    """Derive the status word at time `now` (Unix seconds): a problem outranks silence, silence outranks progress."""
    if device.problem_severity == "alarm":
        return DeviceStatus.ALARM
    if device.problem_severity == "attention":
        return DeviceStatus.ATTENTION
    if device.last_seen_at is None:
        return DeviceStatus.UNKNOWN
    if not device.online or now - device.last_seen_at > SILENT_AFTER_S:
        return DeviceStatus.OFFLINE
    if device.update_state:
        return DeviceStatus.UPDATING
    return DeviceStatus.HEALTHY
