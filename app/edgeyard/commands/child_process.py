"""Child processes that are kept alive while their owner lives, and never outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_RESTART_AFTER_S = 0.5
_MAX_RESTART_AFTER_S = 10.0
_LOOK_EVERY_S = 0.2


def edgeyard_command(*arguments: str) -> list[str]:
    """The command line that runs this program again as another process."""
    return [sys.executable, "-m", "edgeyard", *arguments]


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    start_again_at: float = 0.0
    started_at: float = 0.0


@dataclass(slots=True)
class ChildProcesses:
    """Starts children, starts those that die again, ends all of them on `stop`.

    Each child holds the reading end of a pipe as its standard input and ends when that reaches end of file, so children
    also end when the owner is killed. `environment` is added to the owner's.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    _children: dict[str, _Child] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, name: str, command: Sequence[str], log: Path) -> None:
        """Start a child and keep it running; its output is appended to `log`."""
        child = _Child(name, command, log)
        with self._lock:
            self._launch(child)
            self._children[name] = child
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="child processes", daemon=True)
            self._thread.start()

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs at the moment."""
        with self._lock:
            child = self._children.get(name)
            process = child.process if child else None
            return process.pid if process and process.poll() is None else None

    def starts(self, name: str) -> int:
        """How often a child was started."""
        with self._lock:
            return self._children[name].starts

    def exit_code(self, name: str) -> int | None:
        """How the child's present process ended, or `None` while it runs."""
        with self._lock:
            process = self._children[name].process
            return process.poll() if process else None

    def stop(self, timeout_s: float = 10.0) -> None:
        """End all children: first by closing their input, after `timeout_s` by killing."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            processes = [child.process for child in self._children.values() if child.process]
            for process in processes:
                _close(process.stdin)
            give_up_at = time.monotonic() + timeout_s
            for process in processes:
                try:
                    process.wait(max(0.0, give_up_at - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._children.clear()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            with self._lock:
                for child in self._children.values():
                    self._revive(child)

    def _revive(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            _close(child.process.stdin)
            child.process = None
            # A child that had run for a while starts at once; one that keeps dying is given more and more time.
            lived_s = now - child.started_at
            quick = lived_s < _MAX_RESTART_AFTER_S
            wait_s = min(_RESTART_AFTER_S * child.starts, _MAX_RESTART_AFTER_S) if quick else 0.0
            child.start_again_at = now + wait_s
        if child.process is None and now >= child.start_again_at and not self._stopping.is_set():
            self._launch(child)

    def _launch(self, child: _Child) -> None:
        child.log.parent.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                # Ctrl-C in a terminal reaches the owner, which then ends its children in order.
                start_new_session=True,
            )
        child.starts += 1
        child.started_at = time.monotonic()


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        try:
            stream.close()
        except BrokenPipeError:
            return
