"""What the hub tells its embedded broker; apart from it, so that the hub need not import amqtt."""

from __future__ import annotations

import msgspec


class EmbeddedConfig(msgspec.Struct, frozen=True):
    """The embedded broker's settings, handed over as JSON. Paths are of PEM files and of a JSON list of names."""

    site: str
    host: str
    port: int
    certificate_file: str
    key_file: str
    ca_file: str
    revoked_file: str
