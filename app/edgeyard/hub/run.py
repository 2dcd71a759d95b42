"""The hub as a process: wait for the lease, serve, hand over, stop in order.

Standard output carries one JSON line per event (`waiting`, `ready`); everything else goes to `log/hub.log`. What a
person has to fix ends the hub with exit code 2 and one line on standard error.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from edgeyard.commands.log_file import open_log
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_database import open_site_database
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.hub.active_hub import ActiveHub, describe_failure
from edgeyard.hub.file_lock import FileLock
from edgeyard.hub.lease_guard import LeaseGuard, LeaseLostError
from edgeyard.store.database import Database
from edgeyard.store.lease import put_status
from edgeyard.trust.durable_file import write_durably

EXIT_OK, EXIT_BUG, EXIT_USER = 0, 1, 2
BROKER_PATIENCE_S = 5.0
"""How long `ready` waits for the broker; it is said then in any case, and the status tells how the broker is."""
_log = logging.getLogger(__name__)


def run_hub(folder: SiteFolder, settings: Settings, *, exit_with_parent: bool) -> int:
    """Run the hub of a site until it is told to stop (SIGTERM, SIGINT, with `exit_with_parent` the end of its input).

    Returns the exit code: 0 stopped, 2 something a person must fix, 1 a mistake of ours.
    """
    process = _HubProcess(folder, settings)
    process.listen_for_the_end(exit_with_parent=exit_with_parent)
    try:
        return process.run()
    except UserError as error:
        print(describe_failure(error), file=sys.stderr, flush=True)  # noqa: T201 - the one line for a person
        return EXIT_USER


class _HubProcess:
    def __init__(self, folder: SiteFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._stopping = threading.Event()
        self._term_over = threading.Event()
        self._failed = False

    def listen_for_the_end(self, *, exit_with_parent: bool) -> None:
        """Arrange for signals, a closed standard input, and threads that die of a mistake of ours."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
        if exit_with_parent:
            threading.Thread(target=self._watch_input, name="parent-watch", daemon=True).start()
        threading.excepthook = self._on_thread_failure

    def run(self) -> int:
        """Serve term after term until stopped."""
        self._folder.make()
        handler = open_log(self._folder.logs / "hub.log", self._settings.log_level)
        try:
            database = open_site_database(self._folder, self._settings)
            try:
                self._serve_terms(database)
            finally:
                database.close()
        except UserError as error:
            _log.error("%s %s", error.what, error.todo)
            raise
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
        return EXIT_BUG if self._failed else EXIT_OK

    def _serve_terms(self, database: Database) -> None:
        folder_id = _folder_id(self._folder)
        lock = FileLock(self._folder.hub / "hub.lock")
        waited = False

        def waiting(active_on: str) -> None:
            nonlocal waited
            waited = True
            _log.info("Waiting: another hub is active on %s", active_on)
            _say({"event": "waiting", "active_on": active_on})

        while not self._stopping.is_set():
            lease = LeaseGuard(database, lock, folder_id)
            if not lease.acquire(self._stopping, waiting):
                return
            try:
                self._serve_term(database, lease, folder_id, took_over=waited)
            except LeaseLostError:
                _log.warning("Another hub took over")
            finally:
                lease.release()
            waited = True

    def _serve_term(self, database: Database, lease: LeaseGuard, folder_id: str, *, took_over: bool) -> None:
        self._term_over.clear()
        lease.keep(on_lost=self._on_lease_lost)
        hub = ActiveHub(self._folder, self._settings, database, lease, folder_id)
        try:
            state = hub.start(self._stopping, took_over=took_over)
            hub.wait_connected(BROKER_PATIENCE_S, self._stopping)
            _say(
                {
                    "event": "ready",
                    "https_port": self._settings.https_port,
                    "mqtt_port": state.broker.port,
                    "broker": state.broker.kind,
                }
            )
            _log.info("Ready")
            while not (self._term_over.wait(1.0) or self._stopping.is_set()):
                continue
        except UserError as error:
            hub.stop()
            _write_down(lease, error)
            raise
        finally:
            hub.stop()

    def _on_lease_lost(self) -> None:
        _log.error("The lease is another hub's: stopping at once")
        self._term_over.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        self._term_over.set()

    def _watch_input(self) -> None:
        while os.read(sys.stdin.fileno(), 4096):
            continue
        self._on_signal(0, None)

    def _on_thread_failure(self, failure: Any) -> None:
        trace = (failure.exc_type, failure.exc_value, failure.exc_traceback)
        _log.critical("Thread %s failed", failure.thread, exc_info=trace)
        self._failed = True
        self._on_signal(0, None)


def _folder_id(folder: SiteFolder) -> str:
    """A random name of this site folder, made once."""
    path = folder.hub / "folder-id"
    if not path.exists():
        write_durably(path, secrets.token_hex(8).encode())
    return path.read_text().strip()


def _write_down(lease: LeaseGuard, error: UserError) -> None:
    """Leave the reason where the desktop looks, if the database allows."""
    try:
        with lease.write() as connection:
            put_status(connection, "hub", "down", error.what, error.todo, time.time())
    except (UserError, LeaseLostError) as second:
        _log.warning("The status could not be written: %s", second)


def _say(event: dict[str, object]) -> None:
    print(json.dumps(event), flush=True)  # noqa: T201 - standard output is the hub's interface to who started it
