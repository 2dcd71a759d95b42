"""A thread for what takes long: requests to the hub, downloads, hashing. Its results come back through the loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from edgeyard.agent.event_loop import EventLoop

_T = TypeVar("_T")


class Worker:
    """Does jobs one after the other."""

    def __init__(self, loop: EventLoop, name: str) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], _T], done: Callable[[_T], None], failed: Callable[[Exception], None]) -> None:
        """Do `job` in the thread; then the loop calls `done` with its result, or `failed` with what it raised."""

        def work() -> None:
            try:
                result = job()
            except Exception as error:  # handed to whoever asked for the job
                self._loop.post(partial(failed, error))
            else:
                self._loop.post(partial(done, result))

        self._jobs.put(work)

    def stop(self, timeout_s: float) -> None:
        """Finish the job at hand and end; a thread that hangs on the network is left to the end of the process."""
        self._jobs.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
