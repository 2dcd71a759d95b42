"""How hub, broker and database are: gathered here, written into the store for the desktop's status bar.

The broker has two voices, the supervisor of its process and the connection to it; the worse one is shown, and of two
that are alike the supervisor's, which knows the cause.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgeyard.domain.error import UserError
from edgeyard.hub.lease_guard import LeaseGuard, LeaseLostError
from edgeyard.store.lease import put_status

BROKER_PROCESS, BROKER_LINK = "1 process", "2 link"
WRITE_EVERY_S = 5.0
_RANK = {"ok": 0, "warning": 1, "down": 2}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """State (`ok`, `warning`, `down`), what happened, what to do."""

    state: str
    text: str
    todo: str = ""


class StatusBoard:
    """Collects statuses from any thread and writes them when they change, and every few seconds."""

    def __init__(self, lease: LeaseGuard, clock: Callable[[], float] = time.time) -> None:
        self._lease = lease
        self._clock = clock
        self._voices: dict[str, dict[str, Status]] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._write_on, name="status-board", daemon=True)

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def stop(self, last_words: Mapping[str, Status]) -> None:
        """Say of these components why they are not served any more, once, and end."""
        self._stopping = True
        self._changed.set()
        self._thread.join()
        with self._lock:
            self._voices |= {component: {"": status} for component, status in last_words.items()}
        self._write()

    def set(self, component: str, state: str, text: str, todo: str = "", *, voice: str = "") -> None:
        """Say how a component is; `voice` tells apart two sources on one component."""
        status = Status(state, text, todo)
        with self._lock:
            voices = self._voices.setdefault(component, {})
            if voices.get(voice) == status:
                return
            voices[voice] = status
        level = logging.WARNING if state == "down" else logging.INFO
        _log.log(level, "%s is %s: %s %s", component, state, text, todo)
        self._changed.set()

    def get(self, component: str) -> Status:
        """The worst of what was said of a component."""
        with self._lock:
            return _worst(self._voices.get(component, {}))

    def _write_on(self) -> None:
        while not self._stopping:
            self._changed.clear()
            self._write()
            self._changed.wait(WRITE_EVERY_S)

    def _write(self) -> None:
        with self._lock:
            shown = {component: _worst(voices) for component, voices in self._voices.items()}
        try:
            with self._lease.write() as connection:
                for component, status in shown.items():
                    put_status(connection, component, status.state, status.text, status.todo, self._clock())
        except (LeaseLostError, UserError) as error:
            _log.info("Statuses were not written: %s", error)


def _worst(voices: dict[str, Status]) -> Status:
    """The worst status; of two alike the first voice's by name."""
    by_name = [voices[voice] for voice in sorted(voices)]
    return max(by_name, key=lambda status: _RANK[status.state], default=Status("warning", "Starting."))
