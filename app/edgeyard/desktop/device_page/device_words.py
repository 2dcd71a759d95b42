"""What a device's view says, worked out from snapshots. No Qt in here."""

from __future__ import annotations

from typing import NamedTuple

from edgeyard.desktop.device_page.detail import DeviceDetail
from edgeyard.desktop.device_page.series import Mark
from edgeyard.desktop.fleet_page.device_column import model_words
from edgeyard.desktop.widget.words import ago, both_clocks, clock, figure, size
from edgeyard.domain.device import Device
from edgeyard.domain.hardware import PROFILES, profile_title

Fact = tuple[str, str, str]
"""(name, text, tooltip)"""

_ROLES = {"alarm": "alarm", "attention": "attention"}


class Entry(NamedTuple):
    """One line of a list: a short time, what happened, how bad, and the exact time."""

    when: str
    text: str
    severity: str
    tooltip: str


def fact_texts(device: Device, now: float) -> list[Fact]:
    """The facts under “Now”."""
    profile = PROFILES.get(device.hardware_profile)
    seen = device.last_seen_at

    def measured(value: float | None, unit: str, scale: float = 1.0) -> str:
        return "" if value is None else f"{figure(value * scale)} {unit}"

    return [
        ("Model", model_words(device), device.running_digest),
        ("Hardware", profile_title(device.hardware_profile), profile.processor if profile else ""),
        ("Last seen", "never" if seen is None else ago(now - seen), "" if seen is None else both_clocks(seen)),
        ("Latency p95", measured(device.latency_p95_ms, "ms"), ""),
        ("Inferences", measured(device.inferences_per_s, "/s"), ""),
        ("Errors", measured(device.error_rate, "%", 100.0), ""),
        ("Processor", measured(device.cpu_percent, "%"), ""),
        ("Memory", "" if device.memory_bytes is None else size(device.memory_bytes), ""),
        ("Temperature", measured(device.temperature_c, "°C"), ""),
        ("Agent", device.agent_version, ""),
        ("Joined", clock(device.joined_at) if device.joined_at else "", ""),
    ]


def slot_texts(device: Device, detail: DeviceDetail | None) -> list[Fact]:
    """Both slots and what is assigned."""
    names = {run.digest: f"{run.model} {run.version} · {run.variant}" for run in detail.runs} if detail else {}

    def name(digest: str) -> str:
        return names.get(digest, f"{digest[:12]}…") if digest else ""

    assigned = "" if not device.assigned_digest else name(device.assigned_digest)
    if assigned and device.assigned_digest == device.running_digest:
        assigned = "what is active"
    active = model_words(device) if device.running_digest else "empty"
    return [
        ("Active", active, device.running_digest),
        ("Standby", name(device.previous_digest) or "empty", device.previous_digest),
        ("Assigned", assigned or "nothing", device.assigned_digest),
    ]


def run_entries(detail: DeviceDetail) -> list[Entry]:
    """What it ran, the newest first."""
    return [
        Entry(clock(run.at), f"{run.model} {run.version} · {run.variant} ({run.why})", "", both_clocks(run.at))
        for run in detail.runs
    ]


def event_entries(detail: DeviceDetail) -> list[Entry]:
    """What it said, the newest first."""
    return [
        Entry(clock(event.at), event.text or event.code, event.severity, both_clocks(event.at))
        for event in detail.events[:20]
    ]


def marks_of(detail: DeviceDetail | None) -> list[Mark]:
    """Model changes and events, for the charts."""
    if detail is None:
        return []
    runs = [Mark(run.at, f"{clock(run.at)}: {run.model} {run.version} ({run.why})", "accent") for run in detail.runs]
    events = [
        Mark(event.at, f"{clock(event.at)}: {event.text or event.code}", _ROLES.get(event.severity, "quiet"))
        for event in detail.events
    ]
    return sorted([*runs, *events], key=lambda mark: mark.at)
