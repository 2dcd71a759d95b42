"""Passes that go wrong, and optimizations that worker processes call instead of the real one."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.optimize_version import optimize_version
from edgeyard.optimize.passes import first_cut
from edgeyard.optimize.passes.declaration import PassResult
from edgeyard.optimize.request import OptimizeRequest, OptimizeResult
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True)
class BadPass:
    """Named as a real pass, so that the profiles ask for it."""

    how: str
    id: str = "fp16"
    title: str = "Bad pass"
    precision: str = "fp16"
    form: str = ""

    @property
    def settings(self) -> dict[str, str | int | bool]:
        return {}

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        return ""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        match self.how:
            case "raise":
                out.write_bytes(b"half")
                raise ValueError("no such operator")
            case "crash":
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)
            case "memory":
                bytearray(1 << 40)
            case "sleep":
                time.sleep(60)
            case "disk":
                raise OSError(28, "No space left on device")
            case "rubbish":
                out.write_bytes(os.urandom(100))
        return PassResult()


def put_bad_pass(how: str) -> None:
    first_cut.FIRST_CUT = tuple(BadPass(how) if each.id == "fp16" else each for each in first_cut.FIRST_CUT)


def optimize_with_crash(
    request: OptimizeRequest, on_progress: Callable[[Progress], None] | None = None
) -> OptimizeResult:
    put_bad_pass("crash")
    return optimize_version(request, on_progress)


def optimize_with_memory_eater(
    request: OptimizeRequest, on_progress: Callable[[Progress], None] | None = None
) -> OptimizeResult:
    put_bad_pass("memory")
    return optimize_version(request, on_progress)


def optimize_and_lie(request: OptimizeRequest, on_progress: Callable[[Progress], None] | None = None) -> OptimizeResult:
    """What a worker that a model has taken over could do: change a file after it was hashed."""
    result = optimize_version(request, on_progress)
    (request.out_dir / "fp16.onnx").write_bytes(b"something else")
    return result


def optimize_and_stray(
    request: OptimizeRequest, on_progress: Callable[[Progress], None] | None = None
) -> OptimizeResult:
    """Leave more than was reported."""
    result = optimize_version(request, on_progress)
    (request.out_dir / "extra.onnx").write_bytes(b"extra")
    (request.out_dir / "link").symlink_to("/etc/passwd")
    return result


def optimize_slowly(request: OptimizeRequest, on_progress: Callable[[Progress], None] | None = None) -> OptimizeResult:
    put_bad_pass("sleep")
    return optimize_version(request, on_progress)
