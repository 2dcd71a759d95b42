"""One thread that does everything in turn: what other threads hand in, and timers.

Other threads (MQTT, the runner's pipe, downloads) only post; so nothing of the agent needs a lock.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_WAITING = 10_000
_LONGEST_SLEEP_S = 60.0


@dataclass(order=True, slots=True)
class Timer:
    """A call to come; `cancel` makes it not come."""

    due: float
    number: int
    call: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do not call."""
        self.cancelled = True


class EventLoop:
    """`run` until `stop`. `post` and `stop` may be called from any thread and from signal handlers."""

    def __init__(self) -> None:
        # A SimpleQueue, because its put is safe in a signal handler that interrupts a get.
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._stopped = False
        self.lost = 0
        """Posts that were dropped because the loop was too far behind."""

    def post(self, call: Callable[[], None], *, droppable: bool = False) -> None:
        """Have `call` called by the loop; a droppable one is lost when very many wait already."""
        if droppable and self._waiting.qsize() >= MAX_WAITING:
            self.lost += 1
            return
        self._waiting.put(call)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call once after `delay_s` seconds. Only from the loop's own thread, or before it runs."""
        timer = Timer(time.monotonic() + delay_s, next(self._numbers), call)
        heapq.heappush(self._timers, timer)
        return timer

    def call_every(self, period_s: float, call: Callable[[], None], *, jitter: float = 0.0) -> None:
        """Call again and again, each time after `period_s` × (1 ± `jitter`)."""

        def again() -> None:
            self.call_later(period_s * random.uniform(1 - jitter, 1 + jitter), again)
            call()

        self.call_later(period_s * random.uniform(1 - jitter, 1 + jitter), again)

    def run(self) -> None:
        """Until `stop`; whatever a call raises ends the loop and comes out here."""
        while not self._stopped:
            self._call_due()
            try:
                call = self._waiting.get(timeout=self._sleep_s())
            except queue.Empty:
                continue
            call()

    def stop(self) -> None:
        """End `run` once what it is at is done."""
        self._waiting.put(self._stop)

    def _stop(self) -> None:
        self._stopped = True

    def _call_due(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.call()

    def _sleep_s(self) -> float:
        if not self._timers:
            return _LONGEST_SLEEP_S
        return min(max(self._timers[0].due - time.monotonic(), 0.0), _LONGEST_SLEEP_S)
