"""The hub's HTTPS side as an agent uses it: own certificate, the site's authority, a clock that may be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

import urllib3

from edgeyard.agent.state_folder import Identity, StateFolder
from edgeyard.trust.join_client import fetch_optional, open_pool
from edgeyard.trust.time_floor import TimeFloor
from edgeyard.trust.tls import client_context


class HubAccess:
    """Connections of this device to its hub. Safe to use from several threads."""

    def __init__(
        self, folder: StateFolder, identity: Identity, floor: TimeFloor, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._identity = identity
        self._floor = floor
        self._clock = clock
        self._lock = threading.Lock()
        self._pool: urllib3.HTTPSConnectionPool | None = None
        self._ignores_time = False

    def clock_is_behind(self) -> bool:
        """Whether the clock lies before a time that is surely past: then no certificate would seem valid."""
        return self._floor.is_behind(self._clock())

    def pool(self) -> urllib3.HTTPSConnectionPool:
        """The connection pool; made anew when the clock was set right. Raises `UserError` for an unusable address."""
        behind = self.clock_is_behind()
        with self._lock:
            if self._pool is None or self._ignores_time != behind:
                folder = self._folder
                context = client_context(folder.ca_file, folder.certificate_file, folder.key_file, ignore_time=behind)
                self._pool = open_pool(self._identity.hub_url, context)
                self._ignores_time = behind
            return self._pool

    def fetch_metadata(self, repository: Literal["release", "director"], name: str, most_bytes: int) -> bytes | None:
        """One file of a repository, or `None` where there is none; raises `UserError` when the hub is away."""
        area = "release" if repository == "release" else f"director/{self._identity.device}"
        return fetch_optional(self.pool(), "GET", f"/v1/{area}/{name}", most_bytes)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None
