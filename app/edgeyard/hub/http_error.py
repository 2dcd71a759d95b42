"""Refusals of the HTTPS server: a person's words and a status code, as JSON `{"what", "todo"}`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from edgeyard.domain.error import UserError
from edgeyard.hub.lease_guard import LeaseLostError
from edgeyard.trust.refusal import RefusedError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)


class HttpError(UserError):
    """A refusal with a status code of its own."""

    def __init__(self, status: int, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.status = status


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what handlers raise into answers; a bug of ours is logged and never shown in detail."""
    try:
        return await handler(request)
    except (ConnectionResetError, TimeoutError):
        raise
    except Exception as error:
        response = _refuse(request, error)
        if request.can_read_body and not request.content.is_eof():
            # The rest of a body nobody reads must not be taken for the next request.
            response.force_close()
        return response


def _refuse(request: web.Request, error: Exception) -> web.Response:
    match error:
        case HttpError():
            return _answer(error.status, error.what, error.todo)
        case RefusedError():
            return _answer(422, error.what, error.todo)
        case UserError():
            return _answer(400, error.what, error.todo)
        case LeaseLostError():
            return _answer(503, "Another hub is active for this site.", "Try again in some seconds.")
        case web.HTTPException():
            return _answer(error.status, f"{error.reason}.", "")
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(500, "The hub made a mistake.", "It stands in the hub's log; please report it.")


def _answer(status: int, what: str, todo: str) -> web.Response:
    return web.json_response({"what": what, "todo": todo}, status=status)
