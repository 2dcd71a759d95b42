"""A child program of the hub: started so that it ends with the hub, and found again if it did not.

On Linux the kernel ends the child with the hub (`parent_guard`). Everywhere, a pid file with the process's start time
lets the next hub end a child that outlived its hub; a recycled pid has another start time and is left alone.
On Windows and macOS this file is the only guard for Mosquitto (the embedded broker also watches its standard input);
that path is untested there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from edgeyard.hub import parent_guard
from edgeyard.trust.durable_file import write_durably

_log = logging.getLogger(__name__)
_START_TIME_SLACK_S = 1.0


class _PidNote(msgspec.Struct, frozen=True):
    pid: int
    started_at: float


class ChildProcess:
    """One running child with its pid file. Start it from a thread that lives as long as the child should."""

    def __init__(self, command: Sequence[str], pid_file: Path, log_file: Path) -> None:
        """Start `command`; its output is appended to `log_file`; standard input stays open while the hub lives."""
        self._pid_file = pid_file
        with log_file.open("ab") as output:
            # In a session of its own, Ctrl-C in the hub's terminal does not reach it: the hub ends it in order.
            self._process = subprocess.Popen(
                _guarded(command),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=sys.platform != "win32",
            )
        started_at = 0.0
        with contextlib.suppress(psutil.Error):
            started_at = psutil.Process(self._process.pid).create_time()
        write_durably(pid_file, msgspec.json.encode(_PidNote(self._process.pid, started_at)))

    @property
    def pid(self) -> int:
        """The operating system's number of the child."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """The exit code, or `None` while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """Wait at most `timeout_s`; the exit code, or `None` when it still runs."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal if the child still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop(self, patience_s: float = 5.0) -> None:
        """Ask it to end, insist after `patience_s`, and forget the pid file."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self.exit_code() is None:
            self._process.terminate()
            if self.wait(patience_s) is None:
                self._process.kill()
                self._process.wait()
        note = _read_note(self._pid_file)
        if note is not None and note.pid == self._process.pid:
            self._pid_file.unlink(missing_ok=True)


def end_stale_child(pid_file: Path, patience_s: float = 5.0) -> int | None:
    """End the child a hub that is gone left behind, as its pid file names it; returns its pid if there was one."""
    note = _read_note(pid_file)
    if note is None:
        pid_file.unlink(missing_ok=True)
        return None
    ended = None
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(note.pid)
        same = abs(process.create_time() - note.started_at) < _START_TIME_SLACK_S
        if same and process.status() != psutil.STATUS_ZOMBIE:
            _log.warning("Ending process %d, which a hub that is gone left behind", note.pid)
            ended = note.pid
            process.terminate()
            try:
                process.wait(patience_s)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(patience_s)
    pid_file.unlink(missing_ok=True)
    return ended


def _read_note(pid_file: Path) -> _PidNote | None:
    try:
        return msgspec.json.decode(pid_file.read_bytes(), type=_PidNote)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("Ignoring the unreadable pid file %s: %s", pid_file, error)
        return None


def _guarded(command: Sequence[str]) -> list[str]:
    if not sys.platform.startswith("linux") or getattr(sys, "frozen", False):
        return list(command)
    return [sys.executable, "-I", "-S", str(Path(parent_guard.__file__)), str(os.getpid()), *command]
