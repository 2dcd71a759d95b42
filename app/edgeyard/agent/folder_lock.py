"""One agent per state folder: a file lock that ends with the process, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from edgeyard.domain.error import UserError


class FolderLock:
    """Held from `acquire` to `release`; a context manager too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def acquire(self) -> None:
        """Take the lock; raises `UserError` when another process holds it or the folder cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise UserError(
                f"The state folder {self._path.parent} cannot be written ({error.strerror}).",
                "Give the agent's user the right to write there, or name another folder.",
            ) from error
        try:
            _lock(handle)
        except OSError as error:
            os.close(handle)
            raise UserError(
                f"Another agent runs on {self._path.parent}.",
                "Stop it first, or give this one a state folder of its own.",
            ) from error
        self._handle = handle

    def release(self) -> None:
        """Give the lock back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
