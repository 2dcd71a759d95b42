"""The demo's devices: four hardware profiles on two halls, each a real agent process."""

from __future__ import annotations

import time
from contextlib import closing

from edgeyard.commands.demo.demo_site import DemoSite
from edgeyard.commands.patience import patiently
from edgeyard.domain.error import UserError
from edgeyard.domain.quantity import count
from edgeyard.resource import resource_path
from edgeyard.store import device, group

PROFILES = ("pi4", "pi5", "jetson-orin-nano", "x86-vnni")
EVERYTHING = "Whole plant"
_JOIN_TIMEOUT_S = 120.0


def start_fleet(site: DemoSite) -> list[str]:
    """Make a token and an agent for each device; returns the device ids. They join by themselves."""
    workspace = site.workspace
    assert workspace is not None
    count = site.options.devices

    def make_tokens() -> list[str]:
        with closing(workspace.hub()) as hub:
            return hub.create_tokens("device", count=count, note="demo")

    tokens = patiently(make_tokens)
    samples = resource_path("demo", "live.npz")
    device_ids = []
    for number, token in enumerate(tokens):
        profile = PROFILES[number % len(PROFILES)]
        device_id = f"{profile}-{number // len(PROFILES) + 1:02d}"
        labels = {"hall": "north" if number < count / 2 else "south", "line": str(number % 3 + 1)}
        site.start_agent(device_id, profile, labels, token, samples)
        device_ids.append(device_id)
    return device_ids


def save_groups(site: DemoSite) -> None:
    """The groups a newcomer finds: everything, one per hall, one per hardware profile."""
    workspace = site.workspace
    assert workspace is not None
    with workspace.database.write() as connection:
        known = {g.name for g in group.list_groups(connection)}
        for name, text in (
            (EVERYTHING, ""),
            ("Hall north", "hall=north"),
            ("Hall south", "hall=south"),
            ("Raspberry Pi", "hw:pi*"),
        ):
            if name not in known:
                group.save_group(connection, group.Group(0, name, "dynamic", text), workspace.clock())


def wait_until_online(site: DemoSite, device_ids: list[str]) -> None:
    """Wait until every device has reported. Raises `UserError` naming those that did not."""
    workspace = site.workspace
    assert workspace is not None
    give_up_at = time.monotonic() + _JOIN_TIMEOUT_S
    missing = set(device_ids)
    while missing:
        with workspace.database.read() as connection:
            missing -= {d.id for d in device.list_devices(connection) if d.online}
        if time.monotonic() > give_up_at:
            names = ", ".join(sorted(missing)[:5])
            raise UserError(
                f"{count(len(missing), 'demo device')} did not come up: {names}.", f"See the logs in {site.root}."
            )
        time.sleep(0.2)
