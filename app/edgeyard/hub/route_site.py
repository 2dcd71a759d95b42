"""Routes anyone may need: the authority, joining, and what this site is."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from edgeyard.hub.body import read_json
from edgeyard.hub.http_error import HttpError
from edgeyard.hub.network_port import reachable_host
from edgeyard.hub.peer import STATE, needs, peer_of
from edgeyard.hub.provisioning import TokenRequest, join, make_tokens
from edgeyard.hub.server_identity import HUB_NAME
from edgeyard.wire.limit import MAX_JOIN_REQUEST_BYTES
from edgeyard.wire.message import JoinRequest

_MAX_JOINS_AT_ONCE = 256
_MAX_TOKEN_REQUEST_BYTES = 4096


def site_routes() -> list[web.RouteDef]:
    """Routes of this module."""
    joining = _Joining()
    return [
        web.get("/v1/ca", get_ca),
        web.post("/v1/join", joining.post_join),
        web.get("/v1/site", get_site),
        web.post("/v1/tokens", post_tokens),
    ]


async def get_ca(request: web.Request) -> web.Response:
    """The site's certificate authority, public. A newcomer compares it with the fingerprint in its token."""
    pem = request.app[STATE].identity.ca.certificate_pem
    return web.Response(text=pem, content_type="application/x-pem-file")


class _Joining:
    """Joining is open to strangers, so only so many at once may keep the hub signing."""

    def __init__(self) -> None:
        self._running = 0

    async def post_join(self, request: web.Request) -> web.Response:
        """Exchange a one-time token and a certificate request for a certificate."""
        message = await read_json(request, MAX_JOIN_REQUEST_BYTES, JoinRequest)
        if self._running >= _MAX_JOINS_AT_ONCE:
            raise HttpError(503, "Many newcomers are joining at this moment.", "Try again in some seconds.")
        self._running += 1
        try:
            answer = await asyncio.to_thread(join, request.app[STATE], message)
        finally:
            self._running -= 1
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


@needs("device", "operator")
async def get_site(request: web.Request) -> web.Response:
    """What this site is, for clients that have joined."""
    state = request.app[STATE]
    broker = state.board.get("broker")
    return web.json_response(
        {
            "site": state.site,
            "hub": HUB_NAME,
            "broker": {
                "kind": state.broker.kind,
                "host": reachable_host(state.broker.host),
                "port": state.broker.port,
                "state": broker.state,
                "text": broker.text,
            },
            "release_root": bool(state.releases.first_root_sha256()),
            "server_time": state.clock(),
        }
    )


@needs("operator")
async def post_tokens(request: web.Request) -> web.Response:
    """Make join tokens."""
    message = await read_json(request, _MAX_TOKEN_REQUEST_BYTES, TokenRequest)
    tokens = await asyncio.to_thread(make_tokens, request.app[STATE], message, peer_of(request).name)
    return web.json_response({"tokens": tokens})
