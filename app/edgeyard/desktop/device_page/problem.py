"""What is the matter with a device, what it means and what to do, in sentences. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.desktop.widget.words import ago
from edgeyard.domain.device import Device, DeviceStatus, device_status

_SKEW_S = 60.0


@dataclass(frozen=True, slots=True)
class Problem:
    """`status` gives it its shape and colour."""

    status: DeviceStatus
    what: str
    todo: str


def problems_of(device: Device, now: float) -> list[Problem]:
    """The worst first; none for a healthy device."""
    status = device_status(device, now)
    found = []
    if device.problem:
        worst = DeviceStatus.ALARM if device.problem_severity == "alarm" else DeviceStatus.ATTENTION
        todo = "What it said before is under Events. The mark goes by itself once the cause is gone."
        found.append(Problem(worst, device.problem, todo))
    silent = device.last_seen_at is None or not device.online or status is DeviceStatus.OFFLINE
    if device.last_seen_at is None:
        found.append(
            Problem(
                DeviceStatus.UNKNOWN,
                "It joined the site but was never heard.",
                "Start its agent: edgeyard agent run. Check that it reaches the broker's address and port.",
            )
        )
    elif silent:
        found.append(
            Problem(
                DeviceStatus.OFFLINE,
                f"Last heard {ago(now - device.last_seen_at)}. It keeps running its model meanwhile.",
                "Check its power and network, then its agent. Assignments wait until it is back.",
            )
        )
    if device.clock_skew_s is not None and abs(device.clock_skew_s) > _SKEW_S:
        side = "ahead" if device.clock_skew_s > 0 else "behind"
        found.append(
            Problem(
                DeviceStatus.ATTENTION,
                f"Its clock is {abs(device.clock_skew_s):.0f} s {side}; its reports are dated by arrival.",
                "Set up time synchronisation (NTP) on it.",
            )
        )
    if device.assigned_digest and device.assigned_digest != device.running_digest and not device.update_state:
        found.append(
            Problem(
                DeviceStatus.UPDATING,
                "It does not run yet what is assigned to it.",
                "It asks for its assignment by itself. If this stays, its rollout says why.",
            )
        )
    return found
