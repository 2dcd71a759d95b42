"""Whose messages count: the devices of the site and their certificates, as ingest needs them for every message."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.store.database import Connection
from edgeyard.store.device import device_certificate, get_device

_FRESH_S = 30.0
_MAX_STRANGERS = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """A device in good standing. `certificate_pem` verifies what it signs."""

    device_id: str
    certificate_pem: str


class Roster:
    """Looks devices up and remembers them for a while, strangers too. Not thread-safe."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[float, Member | None]] = {}

    def find(self, connection: Connection, device_id: str, now: float) -> Member | None:
        """The device, or `None` for one that is unknown or revoked."""
        known = self._members.get(device_id)
        if known is not None and now - known[0] < _FRESH_S:
            return known[1]
        if len(self._members) > _MAX_STRANGERS and device_id not in self._members:
            self._members = {name: entry for name, entry in self._members.items() if entry[1] is not None}
        device = get_device(connection, device_id)
        certificate = device_certificate(connection, device_id) if device and device.revoked_at is None else None
        member = Member(device_id, certificate) if certificate else None
        self._members[device_id] = (now, member)
        return member

    def clear(self) -> None:
        """Look everyone up again: somebody joined or was revoked."""
        self._members.clear()
