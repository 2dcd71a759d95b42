"""The agent's side of a runner: start it, hear what it says, and tell in words how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import edgeyard
from edgeyard.agent import runner_message as message
from edgeyard.agent.slots import Manifest

_STOP_S = 3.0
_BASE_MEMORY_BYTES = 1 << 30
_MEMORY_PER_MODEL_BYTE = 12
"""Weights are held once in the file's form and once packed; activations are bounded by the base."""
TEST_CPU_S = 600


def model_file(path: Path, manifest: Manifest) -> message.ModelFile:
    """How a slot's model is described to a runner."""
    release = manifest.release
    return message.ModelFile(
        str(path), manifest.target, release.input_name, release.input_shape, release.output_name, release.preprocessing
    )


def limits_for(*size_bytes: int, cpu_s: int = 0) -> message.Limits:
    """Address space for models of these file sizes: generous for a sound model, an error for a bomb."""
    return message.Limits(_BASE_MEMORY_BYTES + _MEMORY_PER_MODEL_BYTE * sum(size_bytes), cpu_s)


class RunnerProcess:
    """One runner, alive from construction until `stop` or its own end.

    `on_answer` and `on_end` are called from a thread of this object and must only hand on. `on_end` comes exactly once,
    after the last answer, with a sentence; empty when the runner ended by itself and in order, or was stopped.
    """

    def __init__(
        self,
        job: message.Job,
        log_file: Path,
        on_answer: Callable[[message.Answer], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._on_answer = on_answer
        self._on_end = on_end
        self._stopped = False
        self._process = _start(log_file)
        self._jobs, self._answers = _pipes(self._process)
        # Where it is gone already, the end of its answers says so.
        with contextlib.suppress(OSError):
            message.write_frame(self._jobs, job)
        self._thread = threading.Thread(target=self._listen, name="runner", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Process id, for measuring."""
        return self._process.pid

    def stop(self) -> None:
        """End the runner and wait for it; it is asked by the end of its input, and killed if it does not hear."""
        self._stopped = True
        with contextlib.suppress(OSError):
            self._jobs.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join()

    def kill(self) -> None:
        """End a runner that hangs; `on_end` says how it ended."""
        self._process.kill()

    def _listen(self) -> None:
        problem = ""
        try:
            while (answer := message.read_frame(self._answers, message.ANSWERS)) is not None:
                self._on_answer(answer)
        except message.FrameError as error:
            problem = f"The model's process sent something unreadable ({error})."
            self._process.kill()
        status = self._process.wait()
        self._answers.close()
        with contextlib.suppress(OSError):
            self._jobs.close()
        self._on_end("" if self._stopped else problem or describe_status(status))


def describe_status(status: int) -> str:
    """How a process ended, in words; empty for an orderly end."""
    if status == 0:
        return ""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"The model's process was ended by {name}."
    return f"The model's process ended with status {status}; its last words are in log/ of the state folder."


def _start(log_file: Path) -> subprocess.Popen[bytes]:
    # No empty entry: that would be the working directory.
    search = filter(None, [str(Path(edgeyard.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(search),
    }
    try:
        log: BinaryIO | int = log_file.open("wb")
    except OSError:
        log = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            # -P: the working directory is no place to import from.
            [sys.executable, "-P", "-m", "edgeyard.agent.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    finally:
        if not isinstance(log, int):
            log.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout  # type: ignore[return-value]
