"""The one boundary between the window's thread and all others.

A reader thread looks at the database's change counters twice a second and reads only the feeds that changed. Results
wait in a mailbox, the newest of a feed replacing the one before, until a timer of the window's thread empties it about
thirty times a second: however much happens, the window hears of it in ticks. Commands run on a few worker threads and
their results come the same way. Nothing on the window's thread queries, opens files or parses.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from shiboken6 import isValid

from edgeyard.desktop.feed import UNCHANGED, Feed, Order, Read
from edgeyard.desktop.mistake import mistake
from edgeyard.domain.error import UserError
from edgeyard.store.change import change_counter
from edgeyard.store.database import Connection, Database

if TYPE_CHECKING:
    from edgeyard.commands.workspace import Workspace

POLL_S = 0.5
TICK_MS = 33
_TICK_BUDGET_S = 0.008
_RETRY_S = 2.0
_WORKERS = 3
_OUR_BUGS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_log = logging.getLogger(__name__)

OpenDatabase = Callable[[], Database]
MakeWorkspace = Callable[[Database], "Workspace"]


class Bridge(QObject):
    """Feeds and commands of one site, shared by all windows of this process."""

    opened = Signal()
    """The database can be read."""
    troubled = Signal(object)
    """`UserError` when the database cannot be read, `None` once it can again."""
    mistaken = Signal(object)
    """`UserError` that tells of a mistake of ours in something nobody waits for."""

    def __init__(
        self, open_database: OpenDatabase, make_workspace: MakeWorkspace, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.trouble: UserError | None = None
        self.database: Database | None = None
        """Open once `opened` was emitted."""
        self._workspace: Workspace | None = None
        self._workspace_lock = threading.Lock()
        self._open_database = open_database
        self._make_workspace = make_workspace
        self._clock = clock
        self._lock = threading.Lock()
        self._orders: dict[Feed, Order] = {}
        self._mail: dict[Feed, tuple[Any, float]] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._reader = threading.Thread(target=self._read_on, name="edgeyard-reader", daemon=True)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="edgeyard-command")
        self._tick = QTimer(self)
        self._tick.setTimerType(Qt.TimerType.PreciseTimer)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._on_tick)

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()
        self._tick.start()

    def stop(self) -> None:
        """End the threads; commands that already run are waited for, the mailbox is dropped."""
        self._stopping = True
        self._wake.set()
        self._tick.stop()
        if self._reader.is_alive():
            self._reader.join()
        self._workers.shutdown(wait=True, cancel_futures=True)
        if self.database is not None:
            self.database.close()

    @property
    def workspace(self) -> Workspace | None:
        """What commands work with, or `None` before the database is open.

        Made at its first use, which takes a moment (keys, TLS, HTTP are loaded): the first table does not wait for it.
        """
        if self.database is None:
            return None
        with self._workspace_lock:
            if self._workspace is None:
                self._workspace = self._make_workspace(self.database)
        return self._workspace

    def now(self) -> float:
        """Unix seconds, as the readers see them."""
        return self._clock()

    def feed(self, name: str, read: Read, topics: Collection[str], every_s: float | None = None) -> Feed:
        """Read `read(connection, now)` now, whenever one of `topics` changed, and every `every_s` seconds if given.

        `read` runs on the reader thread: it touches no widget, returns a snapshot that nobody changes afterwards, or
        `UNCHANGED`. `topics` are those of `store.change`.
        """
        feed = Feed(self._close, self._refresh)
        with self._lock:
            self._orders[feed] = Order(name, read, topics, every_s)
        self._wake.set()
        return feed

    def run(
        self,
        work: Callable[[Workspace], Any],
        done: Callable[[Any], object] | None = None,
        failed: Callable[[UserError], object] | None = None,
    ) -> None:
        """Run `work(workspace)` on a worker; `done` or `failed` is then called on the window's thread."""
        self._workers.submit(self._work, work, done, failed)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` run on the window's thread at the next tick. Callable from any thread."""
        self._calls.append(call)

    def tell_mistake(self, problem: UserError) -> None:
        """Have every window show it. Callable from any thread."""
        self.post(lambda: self.mistaken.emit(problem))

    # --- on worker and reader threads ----------------------------------------------------------------------------

    def _work(
        self,
        work: Callable[[Workspace], Any],
        done: Callable[[Any], object] | None,
        failed: Callable[[UserError], object] | None,
    ) -> None:
        try:
            result = work(self._ready_workspace())
        except UserError as error:
            problem = error
        except Exception:
            # Commands call all of Edgeyard and its libraries; what they raise would be lost with the worker's future.
            _log.exception("A command failed inside Edgeyard")
            problem = mistake("This did not work because of an error inside Edgeyard.")
            if failed is None:
                self.tell_mistake(problem)
        else:
            if done is not None:
                self.post(lambda: _call(done, result))
            self._wake.set()
            return
        if failed is not None:
            self.post(lambda: _call(failed, problem))
        else:
            _log.warning("Work that nobody waits for was refused: %s", problem)

    def _ready_workspace(self) -> Workspace:
        workspace = self.workspace
        if workspace is None:
            raise self.trouble or UserError("The database is not open yet.", "Try again in a moment.")
        return workspace

    def _read_on(self) -> None:
        while not self._stopping:
            pause_s = POLL_S
            try:
                self._read_once()
                self._report(None)
            except UserError as error:
                self._report(error)
                pause_s = _RETRY_S
            except Exception:
                # The reader must outlive any mistake: without it the window would show old figures as if they were new.
                _log.exception("Reading failed inside Edgeyard")
                self._report(mistake("Reading stopped on an error inside Edgeyard; it is tried again."))
                pause_s = _RETRY_S
            self._wake.wait(pause_s)
            self._wake.clear()

    def _read_once(self) -> None:
        if self.database is None:
            self.database = self._open_database()
            self.post(self.opened.emit)
        now = self._clock()
        with self.database.read() as connection:
            counters = dict(change_counter(connection))
            with self._lock:
                due = [(feed, order) for feed, order in self._orders.items() if order.is_due(counters, now)]
            for feed, order in due:
                self._read_feed(connection, feed, order, counters, now)

    def _read_feed(self, c: Connection, feed: Feed, order: Order, counters: dict[str, int], now: float) -> None:
        try:
            value = order.read(c, now)
        except UserError as error:
            value = error
        except _OUR_BUGS:
            # The database's own errors pass: they end this round, in words.
            _log.exception("Reading %s failed inside Edgeyard", order.name)
            value = mistake(f"The {order.name} could not be read because of an error inside Edgeyard.")
            self.tell_mistake(value)
        order.mark_read(counters, now)
        if value is UNCHANGED:
            return
        with self._lock:
            if feed in self._orders:
                self._mail[feed] = (value, now)

    def _report(self, trouble: UserError | None) -> None:
        if (trouble is None) == (self.trouble is None) and str(trouble) == str(self.trouble):
            return
        self.trouble = trouble
        self.post(lambda: self.troubled.emit(trouble))

    # --- on the window's thread --------------------------------------------------------------------------------------

    def _on_tick(self) -> None:
        until = time.perf_counter() + _TICK_BUDGET_S
        while time.perf_counter() < until:
            if self._calls:
                self._calls.popleft()()
                continue
            with self._lock:
                if not self._mail:
                    return
                feed = next(iter(self._mail))
                value, at = self._mail.pop(feed)
            feed.deliver(value, at)

    def _close(self, feed: Feed) -> None:
        with self._lock:
            self._orders.pop(feed, None)
            self._mail.pop(feed, None)

    def _refresh(self, feed: Feed) -> None:
        with self._lock:
            order = self._orders.get(feed)
            if order is not None:
                order.due_at = 0.0
        self._wake.set()


def _call(target: Callable[[Any], object], value: Any) -> None:
    """Hand over a result, unless the window that asked for it was closed meanwhile."""
    asked_by = getattr(target, "__self__", None)
    if isinstance(asked_by, QObject) and not isValid(asked_by):
        return
    try:
        target(value)
    except RuntimeError as error:
        # A closure over a widget that is gone cannot be recognised before it is called.
        if "already deleted" not in str(error):
            raise
