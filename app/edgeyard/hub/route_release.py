"""Routes of the two TUF repositories."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from edgeyard.hub.body import read_body
from edgeyard.hub.http_error import HttpError
from edgeyard.hub.peer import STATE, needs, peer_of
from edgeyard.store.release import get_metadata
from edgeyard.trust.tuf_metadata import public_key_dict
from edgeyard.wire.limit import MAX_METADATA_BYTES

_METADATA_NAME = re.compile(r"(?:[1-9][0-9]{0,9}\.(?:root|snapshot|targets)|timestamp)\.json")


def release_routes() -> list[web.RouteDef]:
    """Routes of this module."""
    return [
        web.get("/v1/release/{name}", get_release),
        web.get("/v1/director/{device}/{name}", get_director),
        web.get("/v1/trust/online-keys", get_online_keys),
        web.post("/v1/release/root", post_root),
        web.post("/v1/release/targets", post_targets),
    ]


@needs("device", "operator")
async def get_release(request: web.Request) -> web.Response:
    """One file of the release repository."""
    return await _metadata(request, "release", "")


@needs("device")
async def get_director(request: web.Request) -> web.Response:
    """One file of the asking device's own director repository."""
    device = request.match_info["device"]
    if device != peer_of(request).name:
        raise HttpError(403, "A device may read only its own assignment.")
    if request.match_info["name"] == "1.root.json":
        return _json(request.app[STATE].director_root)
    return await _metadata(request, "director", device)


@needs("operator")
async def get_online_keys(request: web.Request) -> web.Response:
    """The public keys of the roles the hub signs online; an operator names them in the root."""
    signers = request.app[STATE].identity.signers
    keys = {"snapshot": signers.snapshot.public_key, "timestamp": signers.timestamp.public_key}
    return web.json_response({role: public_key_dict(key) for role, key in keys.items()})


@needs("operator")
async def post_root(request: web.Request) -> web.Response:
    """Take in the site's first release root."""
    state = request.app[STATE]
    data = await read_body(request, MAX_METADATA_BYTES)
    await asyncio.to_thread(state.releases.accept_root, data, peer_of(request).name)
    return web.json_response({"version": 1})


@needs("operator")
async def post_targets(request: web.Request) -> web.Response:
    """Take in newly signed targets, and publish them with a new snapshot and timestamp."""
    state = request.app[STATE]
    data = await read_body(request, MAX_METADATA_BYTES)
    version = await asyncio.to_thread(state.releases.accept_targets, data, peer_of(request).name)
    state.wake()
    return web.json_response({"version": version})


async def _metadata(request: web.Request, repository: str, device: str) -> web.Response:
    name = request.match_info["name"]
    if not _METADATA_NAME.fullmatch(name):
        raise HttpError(404, "There is no metadata of that name.")

    def read() -> bytes | None:
        with request.app[STATE].database.read() as connection:
            return get_metadata(connection, repository, device, name)

    data = await asyncio.to_thread(read)
    if data is None:
        raise HttpError(404, f"There is no {name}.", "Nothing was released or assigned yet, or it was replaced.")
    return _json(data)


def _json(data: bytes) -> web.Response:
    return web.Response(body=data, content_type="application/json", headers={"Cache-Control": "no-cache"})
