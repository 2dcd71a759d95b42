"""Run a program with everything it starts under limits, and let none of it outlive the call."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from edgeyard.optimize.priority import give_way
from edgeyard.optimize.sidecar.message import SidecarError
from edgeyard.optimize.worker_answer import JobCancelledError

LOG_HEAD_BYTES, LOG_TAIL_BYTES = 192 << 10, 64 << 10
_LOOK_AGAIN_S = 0.1
_READ_BYTES = 1 << 16
_READER_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """`memory_bytes` is what all processes together may hold in memory."""

    wall_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How it ended: the exit code (negative: a signal), what it printed, and the most memory seen in use."""

    code: int
    log: str
    peak_bytes: int
    duration_s: float


class BoundedLog:
    """The beginning and the end of what was printed, however much that was; memory stays bounded."""

    def __init__(self, head_bytes: int = LOG_HEAD_BYTES, tail_bytes: int = LOG_TAIL_BYTES) -> None:
        self._head, self._tail, self._left_out = bytearray(), deque[bytes](), 0
        self._head_bytes, self._tail_bytes, self._in_tail = head_bytes, tail_bytes, 0

    def add(self, data: bytes) -> None:
        """Take what was printed next."""
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        data = data[room:] if room > 0 else data
        if data:
            self._tail.append(data)
            self._in_tail += len(data)
        while self._tail and self._in_tail - len(self._tail[0]) >= self._tail_bytes:
            gone = len(self._tail.popleft())
            self._in_tail -= gone
            self._left_out += gone

    def text(self) -> str:
        """All that was kept; where something is missing, how many bytes."""
        tail = b"".join(self._tail)
        cut = max(0, len(tail) - self._tail_bytes)
        left_out = self._left_out + cut
        gap = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        return (bytes(self._head) + gap + tail[cut:]).decode("utf-8", "replace")


def run_limited(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limits: ProcessLimits,
    cancel: threading.Event | None = None,
    on_poll: Callable[[], None] = lambda: None,
) -> ProcessEnd:
    """Run `command` in `folder` and wait for it; it and its children are gone when this returns or raises.

    They take minutes and hours, so everything else goes first.

    `on_poll` is called about ten times a second, in this thread.

    Raises:
        SidecarError: it cannot be started (`missing`), took longer than allowed (`time`) or more memory (`memory`).
        JobCancelledError: `cancel` was set.
    """
    log = BoundedLog()
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise SidecarError("missing", f"{command[0]} cannot be started ({error.strerror or error}).") from error
    give_way(process.pid)
    assert process.stdout is not None
    reader = threading.Thread(target=_drain, args=(process.stdout, log), daemon=True)
    reader.start()
    family: dict[int, psutil.Process] = {}
    peak_bytes = 0
    try:
        while process.poll() is None:
            if cancel is not None and cancel.is_set():
                raise JobCancelledError
            used = _memory_in_use(process.pid, family)
            peak_bytes = max(peak_bytes, used)
            if used > limits.memory_bytes:
                raise SidecarError(
                    "memory",
                    f"The tool needed more than the {limits.memory_bytes >> 20} MiB of memory that it may use.",
                    "Raise the limit, or use a smaller model or less data.",
                    log.text(),
                )
            if time.monotonic() - started > limits.wall_s:
                raise SidecarError(
                    "time",
                    f"The tool took longer than {limits.wall_s:g} s and was ended.",
                    "Raise the limit, or use a smaller model or less data.",
                    log.text(),
                )
            on_poll()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_AGAIN_S)
    finally:
        _end_family(process, family)
        reader.join(_READER_PATIENCE_S)
        if not reader.is_alive():
            process.stdout.close()
    return ProcessEnd(process.returncode, log.text(), peak_bytes, time.monotonic() - started)


def _drain(stream: IO[bytes], log: BoundedLog) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := os.read(stream.fileno(), _READ_BYTES):
            log.add(data)


def _memory_in_use(pid: int, family: dict[int, psutil.Process]) -> int:
    """Bytes resident in the process and its descendants, whom it also notes down in `family`."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            family[each.pid] = each
            with contextlib.suppress(psutil.Error):
                total += int(each.memory_info().rss)
    return total


def _end_family(process: subprocess.Popen[bytes], family: dict[int, psutil.Process]) -> None:
    """Kill the process group, and descendants that had left it; psutil notices when a number was given away again."""
    _memory_in_use(process.pid, family)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    for each in family.values():
        with contextlib.suppress(psutil.Error):
            if each.pid != process.pid and each.is_running():
                each.kill()
    process.wait()
