"""Small rows that many tests of the store need."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from edgeyard.domain.device import Device
from edgeyard.store.device import add_device
from edgeyard.store.running import set_running
from edgeyard.wire.message import RunningStatement

NOW = 1_760_000_000.0


@lru_cache
def pem(name: str = "device") -> str:
    """Something in a certificate's clothes; the store only hashes it."""
    import base64

    body = base64.b64encode(name.encode().ljust(48, b".")).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def digest(letter: str) -> str:
    """A SHA-256 digest in form."""
    return letter * 64


def join(c: Connection, *device_ids: str, now: float = NOW, **figures: Any) -> None:
    """Add devices, each with a certificate of its own."""
    for device_id in device_ids:
        device = Device(device_id, **{"hardware_profile": "pi5", **figures})
        add_device(c, device, pem(device_id), now)


def run_model(c: Connection, device_id: str, letter: str, target: str, counter: int, previous: str = "") -> bool:
    """Let the device say that it runs `target`."""
    statement = RunningStatement(
        device=device_id,
        site="demo",
        counter=counter,
        digest=digest(letter) if letter else "",
        previous_digest=digest(previous) if previous else "",
        target=target,
        director_version=1,
        at=NOW,
    )
    return set_running(c, device_id, statement, b"{}", b"signature", NOW)
