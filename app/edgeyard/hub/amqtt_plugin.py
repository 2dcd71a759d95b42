"""The embedded broker's door keeper inside amqtt: no certificate of the site, no session; and topics by certificate.

The gate in front (`embedded_gate`) has checked TLS, client id and will already; this holds even without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from edgeyard.hub.topic_access import client_id_belongs, may_publish, may_receive
from edgeyard.trust.tls import peer_role


class RevokedNames:
    """Names that may do nothing, from a JSON list the hub rewrites; read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._names: frozenset[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return name in self._names
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._names = frozenset(msgspec.json.decode(self._path.read_bytes(), type=list[str]))
            self._stamp = stamp
        return name in self._names


class CertificatePlugin(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]
    """Answers amqtt's two questions from the client's certificate."""

    @dataclass
    class Config:
        """Plugin settings: the site's name and the file of revoked names."""

        site: str = ""
        revoked_file: str = field(default="revoked.json")

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._site: str = self.config.site
        self._revoked = RevokedNames(Path(self.config.revoked_file))

    async def authenticate(self, *, session: Session) -> bool | None:
        """Only bearers of a certificate that names the client id, and that is not revoked."""
        peer = _peer(session)
        if peer is None:
            return False
        role, name = peer
        if name in self._revoked or not client_id_belongs(session.client_id or "", name):
            return False
        return not session.will_flag or may_publish(self._site, role, name, session.will_topic or "")

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """The site's topic rules."""
        peer = _peer(session)
        if peer is None or topic is None or peer[1] in self._revoked:
            return False
        rule = may_publish if action == Action.PUBLISH else may_receive
        return rule(self._site, *peer, topic)


def _peer(session: Session | None) -> tuple[str, str] | None:
    """Role and name in the certificate of a session."""
    ssl_object: Any = session.ssl_object if session else None
    certificate = ssl_object.getpeercert() if ssl_object else None
    return peer_role(certificate) if certificate else None
