"""Workers as a `concurrent.futures.Executor`: who submits to it could submit to a Dask client instead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.worker_answer import WorkerLimits

P = ParamSpec("P")
R = TypeVar("R")


class WorkerPool(Executor):
    """`concurrent.futures` over `run_in_worker`: at most `max_workers` processes at a time, one per call."""

    def __init__(self, max_workers: int = 1, limits: WorkerLimits | None = None) -> None:
        """Every call gets the same limits."""
        self._limits = limits
        self._threads = ThreadPoolExecutor(max_workers, thread_name_prefix="edgeyard-job")
        self._cancels: dict[Future[Any], threading.Event] = {}

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `fn` in a worker; see `run_in_worker` for what it may be."""
        cancel = threading.Event()

        def supervise() -> R:
            keywords: dict[str, Any] = {**kwargs, "limits": self._limits, "cancel": cancel}
            return run_in_worker(fn, *args, **keywords)

        future = self._threads.submit(supervise)
        self._cancels[future] = cancel
        future.add_done_callback(lambda done: self._cancels.pop(done, None))
        return future

    def cancel(self, future: Future[Any]) -> None:
        """End the call, also when it already runs (which `Future.cancel` cannot)."""
        cancel = self._cancels.get(future)
        if not future.cancel() and cancel is not None:
            cancel.set()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor; with `cancel_futures` running calls are ended too."""
        if cancel_futures:
            for cancel in list(self._cancels.values()):
                cancel.set()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
