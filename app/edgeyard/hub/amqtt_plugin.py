"""The embedded broker's door keeper inside amqtt: no certificate of the site, no session; and topics by certificate.

The gate in front (`embedded_gate`) has checked TLS, client id and will already; this holds even without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from edgeyard.hub.embedded_config import AccessFile
from edgeyard.hub.topic_access import client_id_belongs, may_publish, may_receive
from edgeyard.trust.tls import peer_role


class CertificatePlugin(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]
    """Answers amqtt's two questions from the client's certificate."""

    @dataclass
    class Config:
        """Plugin settings: the site's name and its access list."""

        site: str = ""
        access_file: str = ""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._site: str = self.config.site
        self._access = AccessFile(Path(self.config.access_file))

    async def authenticate(self, *, session: Session) -> bool | None:
        """Only bearers of a certificate of the access list that names the client id."""
        peer = _peer(session)
        if peer is None:
            return False
        role, name = peer
        if not (self._access.allows(role, name) and client_id_belongs(session.client_id or "", name)):
            return False
        return not session.will_flag or may_publish(self._site, role, name, session.will_topic or "")

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """The site's topic rules."""
        peer = _peer(session)
        if peer is None or topic is None or not self._access.allows(*peer):
            return False
        rule = may_publish if action == Action.PUBLISH else may_receive
        return rule(self._site, *peer, topic)


def _peer(session: Session | None) -> tuple[str, str] | None:
    """Role and name in the certificate of a session."""
    ssl_object: Any = session.ssl_object if session else None
    certificate = ssl_object.getpeercert() if ssl_object else None
    return peer_role(certificate) if certificate else None
