"""Functions that tests let workers call."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.optimize.job_message import Progress


@dataclass
class Pair:
    left: int
    right: tuple[str, ...]
    path: Path


def swap(pair: Pair, times: int = 1) -> Pair:
    return Pair(pair.left * times, pair.right[::-1], pair.path / "inner")


def refuse(word: str) -> str:
    raise UserError(f"No {word}.", "Ask for another.")


def fail() -> int:
    return list[int]()[3]


def crash(number: int) -> int:
    signal.pthread_kill(threading.get_ident(), number)
    time.sleep(10)
    return 0


def allocate(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def sleep_and_tell(seconds: float, on_progress: Callable[[Progress], None] | None = None) -> int:
    if on_progress:
        on_progress(Progress(0.5, f"{os.getpid()}", "asleep"))
    time.sleep(seconds)
    return os.getpid()


def niceness() -> tuple[int, int]:
    """Of the process, and of its session where the kernel shares the processor out by session."""
    try:
        session = int(Path("/proc/self/autogroup").read_text().split()[-1])
    except OSError:
        session = 0
    return os.nice(0), session


def burn() -> int:
    while True:
        pass


def print_a_lot() -> int:
    for line in range(2000):
        print("noise" * 20, line)
    return 7


def answer_wrongly() -> int:
    return "no number"  # type: ignore[return-value]


def environment(name: str) -> str:
    return os.environ.get(name, "")


def try_socket() -> str:
    try:
        socket.socket()
    except PermissionError:
        return "refused"
    return "open"


def try_program() -> str:
    try:
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    except PermissionError:
        return "refused"
    return "ran"


def try_write(path: Path) -> str:
    try:
        path.write_text("x")
    except PermissionError:
        return "refused"
    return "written"


def write_large(path: Path, size_bytes: int) -> int:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        path.write_bytes(b"x" * size_bytes)
    except OSError as error:
        return error.errno or 0
    return 0


def fork_and_leave() -> int:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    return child


def tell_events(count: int, on_event: Callable[[Pair], None] | None = None) -> int:
    assert on_event is not None
    for number in range(count):
        on_event(Pair(number, ("a",), Path("/x")))
    return count
