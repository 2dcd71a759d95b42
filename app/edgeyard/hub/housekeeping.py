"""The hub's small level-triggered duties: broker access, fresh signatures, and rows that are old enough to go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from edgeyard.hub.hub_state import HubState
from edgeyard.store.certificate import certified_names
from edgeyard.store.device import revoked_device_ids
from edgeyard.store.lab import expire_lab_runs
from edgeyard.store.metric import prune
from edgeyard.store.record import prune_records

KEEP_S = 30 * 86_400.0
"""How long raw records and metric samples stay in the database."""
_REFRESH_EVERY_S = 600.0
_PRUNE_EVERY_S = 600.0
_log = logging.getLogger(__name__)


class Housekeeper:
    """Called once a tick in the reconciler's thread."""

    def __init__(
        self,
        state: HubState,
        set_access: Callable[[Collection[str], Collection[str]], None],
        forget_roster: Callable[[], None],
    ) -> None:
        self._state = state
        self._set_access = set_access
        self._forget_roster = forget_roster
        self._access: tuple[set[str], set[str]] | None = None
        self._refreshed_at = -_REFRESH_EVERY_S
        self._pruned_at = time.monotonic()

    def tick(self) -> None:
        """Do what is due."""
        self.apply_access()
        now = time.monotonic()
        if now - self._refreshed_at > _REFRESH_EVERY_S:
            self._refreshed_at = now
            if self._state.releases.refresh():
                _log.info("Signed the release timestamp anew")
        if now - self._pruned_at > _PRUNE_EVERY_S:
            self._pruned_at = now
            self._prune()

    def apply_access(self) -> None:
        """Tell the broker and ingest who joined and who was revoked, by anybody who can write the database."""
        with self._state.database.read() as connection:
            access = certified_names(connection, "operator"), revoked_device_ids(connection)
        if access != self._access:
            self._set_access(*access)
            self._forget_roster()
            self._access = access

    def _prune(self) -> None:
        before = self._state.clock() - KEEP_S
        with self._state.lease.write() as connection:
            gone = prune_records(connection, before) + prune(connection, before)
            expire_lab_runs(connection, self._state.clock())
        if gone:
            _log.info("Removed %d rows older than %d days", gone, KEEP_S // 86_400)
