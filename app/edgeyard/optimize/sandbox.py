"""Run a function on a stranger's model in a process of its own, with limits, so that nothing it does is our end.

`run_in_worker` blocks the thread that calls it: a job is a thread that supervises one process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from edgeyard.optimize import job_message
from edgeyard.optimize.job_message import Call, FrameError, Message, Progress, Told
from edgeyard.optimize.worker_answer import (
    JobCancelledError,
    WorkerCrashError,
    WorkerLimits,
    explain_death,
    unpack_answer,
)

R = TypeVar("R")

_LOOK_AGAIN_S = 0.1
_DYING_S = 5.0
_STDERR_TAIL_BYTES = 4096
_PENDING_MESSAGES = 100


def run_in_worker(
    function: Callable[..., R],
    *arguments: Any,
    limits: WorkerLimits | None = None,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_event: Callable[[msgspec.Raw], None] | None = None,
    watch: Callable[[], None] | None = None,
    writable: Sequence[Path] = (),
    **keywords: Any,
) -> R:
    """Call `function` in a fresh, limited process and return its result.

    Args:
        function: at the top level of a module, with annotated parameters and result, all of types that msgspec knows
            or paths. If it has a parameter `on_progress`, it gets a callable that reports back to `on_progress` here;
            likewise `on_event`, for events of any type that msgspec knows.
        cancel: set it from any thread, and the process is killed.
        on_progress: called in this thread.
        on_event: called in this thread with the encoded event, which `job_message.decode` turns into the type that the
            function sends.
        watch: called in this thread several times a second; the process is killed when it raises.
        writable: existing folders in which it may write, besides its own temporary one.

    Raises:
        UserError: raised by the function itself.
        WorkerCrashError: it crashed or reached a limit.
        JobCancelledError: `cancel` was set.
        WorkerBugError: the function has a bug.
    """
    limits = limits or WorkerLimits()
    with tempfile.TemporaryDirectory(prefix="edgeyard-job-", ignore_cleanup_errors=True) as scratch:
        call = Call(
            function=job_message.function_name(function),
            arguments=[msgspec.Raw(job_message.encode(argument)) for argument in arguments],
            keywords={name: msgspec.Raw(job_message.encode(value)) for name, value in keywords.items()},
            memory_bytes=limits.memory_bytes,
            cpu_s=limits.cpu_s,
            file_bytes=limits.file_bytes,
            writable=[scratch, *(str(path) for path in writable)],
            parent_pid=os.getpid(),
            background=limits.background,
        )
        with (Path(scratch) / "stderr.txt").open("w+b") as errors:
            process = _start(scratch, errors)
            answer = _supervise(process, call, limits, cancel, _listener(on_progress, on_event), watch)
            if answer is None:
                raise explain_death(process.returncode, limits, _tail(errors))
    return unpack_answer(answer, function, limits)


def worker_command() -> list[str]:
    """How a worker is started; a frozen application has no `python -m` and will need an entry of its own here."""
    return [sys.executable, "-P", "-m", "edgeyard.optimize.worker"]


def _start(scratch: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    # One thread each: what a job may use is its own core, and thread stacks count against the memory limit.
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ},
        "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "HOME": scratch,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch),
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    return subprocess.Popen(
        worker_command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=scratch,
        env=environment,
        start_new_session=True,
    )


def _supervise(
    process: subprocess.Popen[bytes],
    call: Call,
    limits: WorkerLimits,
    cancel: threading.Event | None,
    listen: Callable[[Message], None],
    watch: Callable[[], None] | None,
) -> Message | None:
    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + limits.wall_s
    received: queue.Queue[Message | None] = queue.Queue(_PENDING_MESSAGES)
    stop = threading.Event()
    patience_s = 0.0
    reader = threading.Thread(target=_read_messages, args=(process.stdout, received, stop), daemon=True)
    reader.start()
    try:
        # A worker that died at once closes the pipe; what is read then tells why.
        with contextlib.suppress(BrokenPipeError):
            job_message.write_frame(process.stdin, job_message.encode(call))
        while True:
            if cancel is not None and cancel.is_set():
                raise JobCancelledError
            if time.monotonic() > deadline:
                raise WorkerCrashError(
                    "time", f"The job took longer than {limits.wall_s:g} s.", "Use a smaller model or less data."
                )
            if watch is not None:
                watch()
            with contextlib.suppress(queue.Empty):
                message = received.get(timeout=_LOOK_AGAIN_S)
                if not isinstance(message, Progress | Told):
                    patience_s = 0.0 if message else _DYING_S
                    return message
                listen(message)
    finally:
        stop.set()
        _end(process, patience_s)
        reader.join()
        process.stdout.close()
        with contextlib.suppress(OSError):
            process.stdin.close()


def _listener(
    on_progress: Callable[[Progress], None] | None, on_event: Callable[[msgspec.Raw], None] | None
) -> Callable[[Message], None]:
    def listen(message: Message) -> None:
        if isinstance(message, Progress) and on_progress is not None:
            on_progress(message)
        if isinstance(message, Told) and on_event is not None:
            on_event(message.event)

    return listen


def _read_messages(stream: IO[bytes], received: queue.Queue[Message | None], stop: threading.Event) -> None:
    last: Message | None = None
    while not stop.is_set():
        try:
            body = job_message.read_frame(stream)
            last = None if body is None else job_message.decode(body, Message)
        except (FrameError, OSError, ValueError):
            last = None
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                received.put(last, timeout=_LOOK_AGAIN_S)
                break
        if not isinstance(last, Progress | Told):
            return


def _end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """End the process and whatever it started. One that is dying gets `patience_s`, so that its exit code tells why."""
    if patience_s:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - _STDERR_TAIL_BYTES))
    return errors.read().decode("utf-8", "replace")
