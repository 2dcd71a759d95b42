"""What a worker's answer, or its death, means to the one who asked."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.job_message import Broken, Done, FrameError, Message, OutOfMemory, Progress, Refused, Told

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one job may use. Memory is address space: what is reserved counts, used or not."""

    memory_bytes: int = 4 << 30
    cpu_s: int = 900
    wall_s: float = 900.0
    file_bytes: int = 2 << 30
    """The largest single file it may write."""
    background: bool = False
    """Let what people look at go first, where the system knows that (POSIX `nice`)."""


class WorkerCrashError(UserError):
    """The worker did not live to answer: it crashed, or reached a limit. `kind`: crash, memory, killed, cpu or time."""

    def __init__(self, kind: str, what: str, todo: str) -> None:
        super().__init__(what, todo)
        self.kind = kind


class JobCancelledError(UserError):
    """Somebody asked for the job to end."""

    def __init__(self, todo: str = "Nothing of it was kept.") -> None:
        super().__init__("The job was cancelled.", todo)


class WorkerBugError(RuntimeError):
    """The function raised something that is no `UserError`; the text is the worker's traceback."""


def explain_death(code: int, limits: WorkerLimits, errors: str) -> WorkerCrashError:
    """Say why a worker died without an answer; `errors` is the end of its standard error."""
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    if "bad_alloc" in errors or "MemoryError" in errors:
        return _out_of_memory(limits)
    if name == "SIGKILL":
        return WorkerCrashError(
            "killed",
            f"The job was killed from outside: by somebody, or since the machine ran out of memory before the job had"
            f" its {limits.memory_bytes >> 20} MiB.",
            "Close other programs, or use a smaller model or less data.",
        )
    if name == "SIGXCPU":
        return WorkerCrashError(
            "cpu",
            f"The job needed more than {limits.cpu_s} s of processor time and was ended.",
            "Use a smaller model or less data.",
        )
    return WorkerCrashError(
        "crash",
        f"The model crashed the program that reads it ({name}).",
        "It is damaged or made to do so: export it again from the training framework, and do not use this file.",
    )


def _out_of_memory(limits: WorkerLimits) -> WorkerCrashError:
    return WorkerCrashError(
        "memory",
        f"The job needed more than the {limits.memory_bytes >> 20} MiB of memory that it may use.",
        "Use a smaller model or less data; a small file that needs this much is made to do so.",
    )


def unpack_answer(answer: Message, function: Callable[..., R], limits: WorkerLimits) -> R:
    """The result, or the error that the answer stands for."""
    match answer:
        case Done(result):
            try:
                value: R = job_message.decode(result, job_message.result_type(function))
            except FrameError as error:
                raise WorkerCrashError(
                    "crash", "The worker answered with something that is no result.", "Do not use this model file."
                ) from error
            return value
        case Refused(what, todo):
            raise UserError(what, todo)
        case OutOfMemory():
            raise _out_of_memory(limits)
        case Broken(traceback):
            raise WorkerBugError(traceback)
        case Progress() | Told():
            raise AssertionError("what is told on the way is no answer")
