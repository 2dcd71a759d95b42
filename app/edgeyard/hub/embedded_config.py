"""What the hub tells its embedded broker; apart from it, so that the hub need not import amqtt."""

from __future__ import annotations

from pathlib import Path

import msgspec


class EmbeddedConfig(msgspec.Struct, frozen=True):
    """The embedded broker's settings, handed over as JSON. Paths are of PEM files and of the access list."""

    site: str
    host: str
    port: int
    certificate_file: str
    key_file: str
    ca_file: str
    access_file: str


class AccessList(msgspec.Struct, frozen=True):
    """Whom of those with a certificate the broker serves: this hub, these operators, every device not revoked."""

    hub: str = ""
    operators: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()

    def allows(self, role: str, name: str) -> bool:
        """Whether the bearer of a certificate is served."""
        match role:
            case "hub":
                return name == self.hub
            case "operator":
                return name in self.operators
            case "device":
                return name not in self.revoked
            case _:
                return False


class AccessFile:
    """The access list in a file the hub replaces; read again when the file changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._list = AccessList()

    def allows(self, role: str, name: str) -> bool:
        """As `AccessList.allows`, by the present file."""
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._list = msgspec.json.decode(self._path.read_bytes(), type=AccessList)
            self._stamp = stamp
        return self._list.allows(role, name)
