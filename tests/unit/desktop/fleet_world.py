"""Small fleets made in memory, for what needs no database."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.desktop.fleet_frame import FleetFrame, FrameBuilder
from edgeyard.domain.device import Device

NOW = 1_800_000_000.0


def device(name: str, **values: object) -> Device:
    """A healthy device that was just heard, changed by `values`."""
    base: dict[str, object] = {
        "hardware_profile": "pi5",
        "labels": {"line": "1"},
        "joined_at": NOW - 1000,
        "online": True,
        "last_seen_at": NOW - 1,
        "running_model": "yard-vision",
        "running_version": 1,
        "running_variant": "fp32",
        "running_digest": "a" * 64,
        "latency_p95_ms": 10.0,
        "inferences_per_s": 5.0,
    }
    return Device(id=name, **(base | values))  # type: ignore[arg-type]


def mixed_fleet() -> list[Device]:
    """One of each status, by id."""
    return [
        device("a-alarm", problem="The camera is dark.", problem_severity="alarm"),
        device("b-attention", problem="Hot.", problem_severity="attention", labels={"line": "2"}),
        device("c-healthy"),
        device("d-offline", online=False, last_seen_at=NOW - 500),
        device("e-silent", last_seen_at=NOW - 31),
        device("f-unknown", online=False, last_seen_at=None, latency_p95_ms=None, inferences_per_s=None),
        device("g-updating", update_state="downloading", hardware_profile="pi4"),
    ]


def frame_of(devices: Sequence[Device], now: float = NOW) -> FleetFrame:
    """A first frame."""
    return FrameBuilder().start(devices, now)
