"""Reading request bodies: bounded before a byte is kept."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from edgeyard.hub.http_error import HttpError

_PATIENCE_S = 30.0
_T = TypeVar("_T")


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body; 413 as soon as it is known to be over the limit, 408 when it does not come."""
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes)
    data = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > limit_bytes:
                    raise _too_large(limit_bytes)
    except TimeoutError as error:
        raise HttpError(408, f"The request did not arrive within {_PATIENCE_S:.0f} s.", "Send it again.") from error
    return bytes(data)


async def read_json(request: web.Request, limit_bytes: int, kind: type[_T]) -> _T:
    """The body as a typed message; 400 with the field that is wrong."""
    try:
        return msgspec.json.decode(await read_body(request, limit_bytes), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HttpError(400, f"The request cannot be read: {error}.", "Use a program of the same version.") from error


def _too_large(limit_bytes: int) -> HttpError:
    return HttpError(413, f"The request is larger than {limit_bytes} bytes.", "Send less.")
