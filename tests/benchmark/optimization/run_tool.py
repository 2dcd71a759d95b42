"""Run a tool as a process and watch what it and its children take."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_S = 0.02


@dataclass(frozen=True, slots=True)
class ToolRun:
    """How a run ended: seconds from its start to its end, and the most resident memory that the whole process tree
    held at a time (sampled 50 times a second; pages that processes share count for each). `cpu_s` is the processor
    time of all of them, which a busy machine stretches less than the clock's."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    exit_code: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The last line it said, for reports of failures."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1][:300] if lines else f"exit code {self.exit_code}"


def run_tool(command: Sequence[str], scratch: Path, timeout_s: float = 1800) -> ToolRun:
    """Run `command` to its end. What it prints goes through files in `scratch`, so that a full pipe cannot stop it."""
    scratch.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    out, err = scratch / "stdout.txt", scratch / "stderr.txt"
    with out.open("w") as stdout, err.open("w") as stderr:
        started, used_s = time.perf_counter(), _children_s()
        process = psutil.Popen(
            list(command), stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL, cwd=scratch, env=environment
        )
        peak = 0
        while True:
            peak = max(peak, tree_bytes(process))
            with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
                process.wait(SAMPLE_S)
                break
            if time.perf_counter() - started > timeout_s:
                _end(process)
        wall_s = time.perf_counter() - started
    return ToolRun(
        wall_s,
        _children_s() - used_s,
        peak,
        process.returncode,
        out.read_text("utf-8"),
        err.read_text("utf-8", "replace"),
    )


def tree_bytes(process: psutil.Process) -> int:
    """Resident memory of a process and all below it; those that ended meanwhile count nothing."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def _children_s() -> float:
    """Processor seconds of all processes below this one that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        for each in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                each.kill()
