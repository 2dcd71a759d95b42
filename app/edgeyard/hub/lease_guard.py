"""One active hub per site: a lease in the database, renewed while this hub lives, checked before every write.

Two checks keep a hub that was frozen (a suspended machine, a stopped process) from writing after another took over:
the deadline of the last renewal on this machine's monotonic clock, and the holder's name read inside the transaction
that writes. On SQLite the second is airtight, since the transaction holds the only write lock; on PostgreSQL a write
that begins within the same instant as a takeover may still commit.

A hub that was killed leaves its lease behind. The next hub of the same folder need not wait for it to end: a lock on a
file in the folder, which the system drops with the process, proves that the former holder is gone.
"""

from __future__ import annotations

import logging
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgeyard.domain.error import UserError
from edgeyard.hub.file_lock import FileLock
from edgeyard.store.database import Connection, Database
from edgeyard.store.lease import HUB_LEASE, current_holder, release_lease, take_lease

LEASE_TTL_S = 10.0
RENEW_EVERY_S = 3.0
_RETRY_S = 0.5
_LOCKED, _UNLOCKED = "locked", "unlocked"
_log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """Another hub is, or may be, active: nothing may be written by this one now."""

    def __init__(self) -> None:
        super().__init__("this hub does not surely hold the site's lease")


class LeaseGuard:
    """The lease of one hub process. Thread-safe."""

    def __init__(
        self, database: Database, lock: FileLock, folder_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        """`folder_id` names the site folder; `lock` is the folder's own lock file."""
        self._database = database
        self._lock = lock
        self._clock = clock
        self._place = f"{platform.node()}/{folder_id}"
        self._process = secrets.token_hex(8)
        self.holder = ""
        self._valid_until = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, stopping: threading.Event, waiting: Callable[[str], None]) -> bool:
        """Wait until this hub is the active one; `waiting` is told once who is. `False` when stopped before."""
        told = False
        while not stopping.is_set():
            if self._try_take():
                return True
            if not told:
                told = True
                waiting(self._current())
            stopping.wait(_RETRY_S)
        self._lock.release()
        return False

    def keep(self, on_lost: Callable[[], None]) -> None:
        """Renew from now on in a thread; `on_lost` is called once when another hub holds the lease."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._renew, args=(on_lost,), name="lease", daemon=True)
        self._thread.start()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction of the active hub; raises `LeaseLostError` when this is not, or not surely, the one."""
        self.check()
        with self._database.write() as connection:
            holder = current_holder(connection, HUB_LEASE, self._clock())
            if holder is None or holder[0] != self.holder:
                self._valid_until = 0.0
                raise LeaseLostError
            yield connection

    def check(self) -> None:
        """Raise `LeaseLostError` unless the last renewal still holds."""
        if time.monotonic() >= self._valid_until:
            raise LeaseLostError

    def release(self) -> None:
        """Stop renewing and let the next hub begin at once."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._valid_until = 0.0
        try:
            with self._database.write() as connection:
                release_lease(connection, HUB_LEASE, self.holder, self._clock())
        except UserError as error:
            _log.warning("The lease stays until it ends by itself: %s", error)
        self._lock.release()

    def _try_take(self) -> bool:
        begun = time.monotonic()
        locked = self._lock.try_acquire()
        holder = f"{self._place}/{self._process}/{_LOCKED if locked else _UNLOCKED}"
        try:
            with self._database.read() as connection:
                current = current_holder(connection, HUB_LEASE, self._clock())
            if current is not None and not (locked and self._left_behind(current[0])):
                return False
            with self._database.write() as connection:
                now = self._clock()
                current = current_holder(connection, HUB_LEASE, now)
                if locked and current is not None and self._left_behind(current[0]):
                    release_lease(connection, HUB_LEASE, current[0], now)
                taken = take_lease(connection, HUB_LEASE, holder, LEASE_TTL_S, now)
        except UserError as error:
            _log.warning("The lease cannot be taken now: %s", error)
            return False
        if taken:
            self.holder = holder
            self._valid_until = begun + LEASE_TTL_S
        return taken

    def _left_behind(self, holder: str) -> bool:
        """Whether a holder was a process of this folder on this machine that held the file lock which is ours now.

        One that took over from a frozen hub had no lock, and may well be alive.
        """
        return holder.startswith(self._place + "/") and holder.endswith("/" + _LOCKED)

    def _current(self) -> str:
        with self._database.read() as connection:
            current = current_holder(connection, HUB_LEASE, self._clock())
        return current[0].partition("/")[0] if current else "unknown"

    def _renew(self, on_lost: Callable[[], None]) -> None:
        while not self._stopping.wait(RENEW_EVERY_S):
            begun = time.monotonic()
            try:
                with self._database.write() as connection:
                    held = take_lease(connection, HUB_LEASE, self.holder, LEASE_TTL_S, self._clock())
            except UserError as error:
                _log.warning("The lease could not be renewed: %s", error)
                continue
            if not held:
                self._valid_until = 0.0
                self._lock.release()
                on_lost()
                return
            self._valid_until = begun + LEASE_TTL_S
