"""Peak memory of loading and running an artifact, each in a process of its own.

A job's worker may start no programs, so at its beginning, before it has loaded anything, it forks one process that only
waits; every measurement is a fork of that one, which is as small as it was. Linux only: elsewhere nothing is measured.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import select
import struct
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize import job_message
from edgeyard.optimize.runtime.open_session import open_session
from edgeyard.optimize.step import Trait

_RUNS = 2
_PATIENCE_S = 60.0
_LENGTH = struct.Struct(">I")
_PEAK = struct.Struct(">q")
_MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert.interpreter"}
_NOT_MEASURED = -1


@dataclass(frozen=True, slots=True)
class _Question:
    path: Path
    trait: Trait
    shape: tuple[int, ...]
    sample: bytes


class MemoryProbe:
    """Ask it for the peak of an artifact; `with` it, so that its process ends."""

    def __init__(self) -> None:
        """Fork the waiting process, where there is a way to."""
        self._pid = 0
        self._to = self._back = -1
        if not sys.platform.startswith("linux"):
            return
        importlib.import_module("onnxruntime")  # what every process of a device has anyway
        down, up = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            # The one other thread only waits for the parent's end, and holds no lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            _wait_for_questions(down[0], up[1])
        os.close(down[0])
        os.close(up[1])
        self._to, self._back = down[1], up[0]

    def peak_bytes(self, path: Path, trait: Trait, sample: NDArray[np.float32]) -> int | None:
        """The peak above a process that has the runtime, but no model: loaded and run on a batch of one.

        `None` where it cannot be measured, or when the artifact ends that process.
        """
        if not self._pid:
            return None
        body = job_message.encode(_Question(path, trait, sample.shape, np.ascontiguousarray(sample).tobytes()))
        try:
            os.write(self._to, _LENGTH.pack(len(body)))
            _write_all(self._to, body)
            if not select.select([self._back], [], [], _PATIENCE_S)[0]:
                return None
            answer = os.read(self._back, _PEAK.size)
        except OSError:
            return None
        peak = _PEAK.unpack(answer)[0] if len(answer) == _PEAK.size else _NOT_MEASURED
        return peak if peak > 0 else None

    def close(self) -> None:
        """End the waiting process."""
        if self._pid:
            with contextlib.suppress(OSError):
                os.close(self._to)
                os.close(self._back)
                os.waitpid(self._pid, 0)
            self._pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _wait_for_questions(down: int, up: int) -> None:
    """The waiting process; it never returns, and ends when the other side of `down` is closed."""
    with contextlib.suppress(BaseException):
        _close_others(down, up)
        while head := _read_exactly(down, _LENGTH.size):
            question = job_message.decode(_read_exactly(down, _LENGTH.unpack(head)[0]), _Question)
            os.write(up, _PEAK.pack(_ask_a_child(question)))
    os._exit(0)


def _ask_a_child(question: _Question) -> int:
    answer_end, child_end = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.write(child_end, _PEAK.pack(_measure(question)))
        os._exit(0)
    os.close(child_end)
    answer = _read_exactly(answer_end, _PEAK.size)
    os.close(answer_end)
    os.waitpid(child, 0)
    return int(_PEAK.unpack(answer)[0]) if answer else _NOT_MEASURED


def _measure(question: _Question) -> int:
    importlib.import_module(_MODULES[question.trait.runtime])
    sample = np.frombuffer(question.sample, np.float32).reshape(question.shape)
    before = _status_bytes("VmRSS")
    session = open_session(question.path, question.trait)
    for _ in range(_RUNS):
        session.run(sample)
    # A fork's high-water mark begins at what it had when it was forked.
    return _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {name}")
    return int(found[1]) << 10


def _close_others(*kept: int) -> None:
    low = 0
    for descriptor in sorted((2, *kept)):  # standard error stays, for whatever libraries print
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 1024)


def _read_exactly(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = os.read(descriptor, length - len(data))
        if not part:
            return b""
        data += part
    return data


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
