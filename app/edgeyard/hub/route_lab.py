"""The route over which a lab device asks for its order."""

from __future__ import annotations

import asyncio

from aiohttp import web

from edgeyard.hub.http_error import HttpError
from edgeyard.hub.peer import STATE, needs, peer_of
from edgeyard.store.lab import open_order


def lab_routes() -> list[web.RouteDef]:
    """Routes of this module."""
    return [web.get("/v1/lab/order", get_order)]


@needs("device")
async def get_order(request: web.Request) -> web.Response:
    """The asking device's oldest open order, signed by approvers; 404 when there is none."""
    state, device = request.app[STATE], peer_of(request).name

    def read() -> bytes | None:
        with state.database.read() as connection:
            return open_order(connection, device, state.clock())

    data = await asyncio.to_thread(read)
    if data is None:
        raise HttpError(404, "There is no lab order for this device.")
    return web.Response(body=data, content_type="application/json", headers={"Cache-Control": "no-cache"})
