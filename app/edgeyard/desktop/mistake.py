"""Our own mistakes: the log gets the whole story, the person one sentence and the way to the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType

from edgeyard.domain.error import UserError

LOG_NAME = "desktop.log"
_TODO = f"The file log/{LOG_NAME} in the site's folder has the details; please report them."
_SAME_AGAIN_AFTER_S = 60.0
_MOST_PLACES = 200

_log = logging.getLogger(__name__)


def mistake(what: str) -> UserError:
    """What the person reads; the caller has logged the exception."""
    return UserError(what, _TODO)


class UncaughtErrors:
    """Logs and tells what nobody caught, in slots, paint events and threads.

    A mistake in a paint event comes sixty times a second: the same place is told once a minute.
    """

    def __init__(self, tell: Callable[[UserError], object], clock: Callable[[], float] = time.monotonic) -> None:
        """`tell` may be called on any thread."""
        self._tell = tell
        self._clock = clock
        self._told: dict[tuple[str, str, int], float] = {}

    def install(self) -> None:
        """From now on, for the whole process."""
        sys.excepthook = self.handle
        threading.excepthook = self._handle_thread

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """One uncaught exception; Ctrl+C in a terminal is none of them."""
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, KeyboardInterrupt):
            return
        frames = traceback.extract_tb(trace)
        place = (kind.__name__, frames[-1].filename, frames[-1].lineno or 0) if frames else (kind.__name__, "", 0)
        now = self._clock()
        if now - self._told.get(place, float("-inf")) < _SAME_AGAIN_AFTER_S:
            return
        if len(self._told) >= _MOST_PLACES:
            self._told.clear()
        self._told[place] = now
        _log.error("Nobody caught this", exc_info=(kind, error, trace))
        self._tell(mistake("Something did not work because of an error inside Edgeyard."))

    def _handle_thread(self, found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None:
            self.handle(found.exc_type, found.exc_value, found.exc_traceback)
