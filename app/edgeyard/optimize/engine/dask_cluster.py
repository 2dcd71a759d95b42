"""The same job on a Dask cluster: model and data travel there, events and the result back.

Whoever runs the cluster can run anything on its machines, and Dask unpickles what they send: use your own, and `tls://`
where others share the network. Needs the extra `dask`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.result_folder import refuse_foreign_folder
from edgeyard.optimize.engine.shipment import pack_job, run_shipment, take_result
from edgeyard.optimize.worker_answer import JobCancelledError

_ADDRESS = re.compile(r"(tcp|tls)://[A-Za-z0-9_.:\[\]-]{1,200}:[0-9]{1,5}")
_CONNECT_S = 15
_LOOK_AGAIN_S = 0.5


def run_job_on(
    address: str,
    job: OptimizeJob,
    *,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
) -> JobResult:
    """As `run_job`, on a worker of the scheduler at `address` (`tcp://…`, `tls://…`); `host` is that worker's machine.

    Raises:
        UserError: as `run_job`; or the cluster cannot be reached or has no worker, or the extra is not installed.
        JobCancelledError: `cancel` was set; the worker has been told.
    """
    if not _ADDRESS.fullmatch(address):
        raise UserError(f"{address[:80]!r} is no scheduler's address.", "Write it as tcp://host:8786.")
    if importlib.util.find_spec("distributed") is None:
        raise UserError("Dask is not installed here.", "Install it: pip install 'edgeyard[dask]'.")
    out_dir = job.out_dir.resolve()
    refuse_foreign_folder(out_dir)
    package = pack_job(job)
    distributed = _distributed()
    name = f"edgeyard-{secrets.token_hex(8)}"
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UserError(
            f"The scheduler {address} cannot be reached ({str(error).splitlines()[0][:200]}).", "Start it, or check it."
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise UserError(f"The scheduler {address} has no workers.", "Start one: dask worker ADDRESS.")
        client.subscribe_topic(name, lambda logged: _hear(logged, on_event))
        future = client.submit(_run_there, client.scatter(package, hash=False), name, pure=False, key=name)
        try:
            return take_result(_wait(client, future, name, cancel), out_dir)
        finally:
            with contextlib.suppress(Exception):  # the topic goes with the client anyway
                client.unsubscribe_topic(name)


def _distributed() -> Any:
    return importlib.import_module("distributed")


def _wait(client: Any, future: Any, name: str, cancel: threading.Event | None) -> bytes:
    distributed = _distributed()
    while not future.done():
        time.sleep(_LOOK_AGAIN_S)
        if cancel is not None and cancel.is_set():
            distributed.Event(name, client=client).set()
            raise JobCancelledError("Optimize again to go on from what was finished there.")
    answer: bytes | tuple[str, str]
    try:
        answer = future.result()
    except Exception as error:
        raise UserError(
            f"The cluster could not run the job ({type(error).__name__}: {str(error).splitlines()[0][:200]}).",
            "See the log of its worker; Edgeyard must be installed there with the extra optimize.",
        ) from error
    if isinstance(answer, tuple):
        raise UserError(*answer)
    return answer


def _hear(logged: Any, on_event: Callable[[Event], None]) -> None:
    _, body = logged if isinstance(logged, tuple) else (0.0, logged)
    with contextlib.suppress(job_message.FrameError, TypeError):
        event: Event = job_message.decode(msgspec.Raw(body), Event)
        on_event(event)


def _run_there(package: bytes, name: str) -> bytes | tuple[str, str]:
    """On the worker: run, tell, and look whether it was cancelled. A refusal is an answer, and no failure of Dask."""
    from edgeyard.optimize.engine.cache_place import default_cache

    distributed = _distributed()
    worker = distributed.get_worker()
    cancelled = distributed.Event(name, client=distributed.get_client())
    stop, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_AGAIN_S):
            if cancelled.is_set():
                stop.set()
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        return run_shipment(
            package, default_cache(), lambda event: worker.log_event(name, job_message.encode(event)), stop
        )
    except UserError as error:
        return error.what, error.todo
    finally:
        ended.set()
        watcher.join()
