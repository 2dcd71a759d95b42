"""Who is asking: the certificate of each request's connection, checked against what the site knows now."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from edgeyard.hub.http_error import Handler, HttpError
from edgeyard.hub.hub_state import HubState
from edgeyard.store.certificate import current_certificate, fingerprint_of, revoked_fingerprints
from edgeyard.trust.tls import peer_role

STATE: web.AppKey[HubState] = web.AppKey("hub_state", HubState)


@dataclass(frozen=True, slots=True)
class Peer:
    """The bearer of the certificate shown: `role` is device, operator or hub; `name` its common name."""

    role: str
    name: str
    fingerprint: str


def needs(*roles: str) -> Callable[[Handler], Handler]:
    """Let a route be used only by bearers of a valid certificate with one of these roles."""

    def decorate(handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            request["peer"] = await _identify(request, roles)
            return await handler(request)

        return checked

    return decorate


def peer_of(request: web.Request) -> Peer:
    """The peer of a request to a route that `needs` one."""
    peer: Peer = request["peer"]
    return peer


async def _identify(request: web.Request, roles: tuple[str, ...]) -> Peer:
    ssl_object: Any = request.get_extra_info("ssl_object")
    der = ssl_object.getpeercert(binary_form=True) if ssl_object else None
    known = peer_role(ssl_object.getpeercert()) if der else None
    if der is None or known is None:
        raise HttpError(401, "This needs a certificate of the site.", "Join the site with a join token first.")
    peer = Peer(known[0], known[1], hashlib.sha256(der).hexdigest())
    if peer.role not in roles:
        raise HttpError(403, f"A certificate of a {peer.role} does not allow this.", f"It needs: {' or '.join(roles)}.")
    await asyncio.to_thread(_check_current, request.app[STATE], peer)
    return peer


def _check_current(state: HubState, peer: Peer) -> None:
    """Refuse revoked and replaced certificates. A device has one; an operator may have joined on several machines."""
    with state.database.read() as connection:
        if peer.role == "device":
            pem = current_certificate(connection, peer.name)
            refused = pem is None or fingerprint_of(pem) != peer.fingerprint
        else:
            refused = peer.fingerprint in revoked_fingerprints(connection)
    if refused:
        raise HttpError(
            403,
            f"The certificate of {peer.name} was revoked or replaced.",
            "Join the site again with a new join token.",
        )
