"""The HTTPS server: one port for joining, metadata and artifacts, in a thread with an event loop of its own.

A client certificate is asked for and checked by TLS when shown; each route says which roles it needs.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from edgeyard.domain.error import UserError
from edgeyard.hub.http_error import answer_errors
from edgeyard.hub.hub_state import HubState
from edgeyard.hub.network_port import listen_host, port_in_use_text
from edgeyard.hub.peer import STATE
from edgeyard.hub.route_artifact import artifact_routes
from edgeyard.hub.route_lab import lab_routes
from edgeyard.hub.route_release import release_routes
from edgeyard.hub.route_site import site_routes
from edgeyard.trust.tls import server_context
from edgeyard.wire.limit import MAX_METADATA_BYTES

_KEEP_ALIVE_S = 30.0
_SHUTDOWN_S = 2.0
_log = logging.getLogger(__name__)


class PortInUseError(UserError):
    """Somebody else serves on the port the settings name."""


def make_app(state: HubState) -> web.Application:
    """The application with all routes."""
    app = web.Application(middlewares=[answer_errors], client_max_size=MAX_METADATA_BYTES)
    app[STATE] = state
    app.add_routes(site_routes() + release_routes() + artifact_routes() + lab_routes())
    return app


class HttpsServer:
    """Serves the application until `stop`."""

    def __init__(self, state: HubState) -> None:
        self._state = state
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="https-server", daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Begin to serve; raises `PortInUseError`, or `UserError` for an address that is not this machine's."""
        self._thread.start()
        try:
            self._do(self._begin())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End, giving running answers a moment."""
        if self._thread.is_alive():
            if self._runner is not None:
                self._do(self._runner.cleanup())
                self._runner = None
            self._do(self._loop.shutdown_default_executor())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self) -> None:
        settings, identity = self._state.settings, self._state.identity
        context = server_context(identity.certificate_file, identity.key_file, identity.ca_file, require_client=False)
        runner = web.AppRunner(
            make_app(self._state), keepalive_timeout=_KEEP_ALIVE_S, access_log=None, shutdown_timeout=_SHUTDOWN_S
        )
        await runner.setup()
        self._runner = runner
        host, port = listen_host(settings.https_host), settings.https_port
        try:
            await web.TCPSite(runner, host or None, port, ssl_context=context, backlog=512).start()
        except OSError as error:
            raise _explain(error, host, port, str(self._state.folder.settings_file)) from error
        _log.info("HTTPS on %s port %d", host or "every interface", port)


def _explain(error: OSError, host: str, port: int, settings_file: str) -> UserError:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"The hub cannot serve HTTPS. {port_in_use_text(port)}",
            f"Stop that program, or set https_port to a free port in {settings_file} and start the hub again.",
        )
    return UserError(
        f"The hub cannot serve HTTPS on {host or 'this machine'}, port {port}: {error.strerror or error}.",
        f"Correct https_host and https_port in {settings_file}.",
    )
