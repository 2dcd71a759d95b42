"""A file that is being put together from the network: its bytes on disk, and what a full disk does to them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import hash_file
from edgeyard.trust.durable_file import sync_folder

SYNC_BYTES = 8 * 1024 * 1024
RESERVE_BYTES = 1024 * 1024
"""Left free on the disk, so that the agent can still write down what happens to it."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_MEGABYTE = 1e6


class NoSpaceError(UserError):
    """The disk has not the room for a download."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it was signed; `what` names it to people."""

    digest: str
    size_bytes: int
    what: str


def part_path(folder: Path, digest: str) -> Path:
    """Where the file of a digest is put together, and lies once it is complete."""
    return folder / f"{digest}.part"


class PartFile:
    """`<digest>.part` in the download folder; a context manager while it is being written."""

    def __init__(self, folder: Path, wanted: Wanted, free_bytes: Callable[[], int]) -> None:
        self.path = part_path(folder, wanted.digest)
        self._wanted = wanted
        self._free_bytes = free_bytes
        self._handle = -1
        self._unsynced = 0

    def usable_bytes(self) -> int:
        """How many bytes are here to go on from; a file longer than what was signed is worth nothing."""
        try:
            have = self.path.stat().st_size
        except OSError:
            return 0
        if have > self._wanted.size_bytes:
            self.remove()
            return 0
        return have

    def is_right(self) -> bool:
        """Whether the file is the one that was signed."""
        try:
            return hash_file(self.path) == (self._wanted.digest, self._wanted.size_bytes)
        except OSError:
            return False

    def remove(self) -> None:
        """Give the space back."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def check_space(self, have: int) -> None:
        """Raises `NoSpaceError`, and gives back the space of a part that cannot be completed."""
        if self._free_bytes() < self._wanted.size_bytes - have + RESERVE_BYTES:
            self.remove()
            raise self._no_space()

    def write_from(self, have: int) -> Self:
        """Keep the first `have` bytes and write after them."""
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            os.ftruncate(self._handle, have)
            os.lseek(self._handle, have, os.SEEK_SET)
            sync_folder(self.path.parent)
        except OSError as error:
            self._close()
            raise self._trouble(error) from error
        return self

    def write(self, data: bytes) -> None:
        """Append; synced to the disk every few megabytes."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            raise self._trouble(error) from error
        self._unsynced += len(data)
        if self._unsynced >= SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise self._trouble(error) from error
        self._unsynced = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _trouble(self, error: OSError) -> UserError:
        if error.errno in _NO_SPACE:
            self.remove()
            return self._no_space()
        return UserError(
            f"{self._wanted.what} cannot be stored on the device ({error.strerror}).",
            f"Check the disk that holds {self.path.parent}.",
        )

    def _no_space(self) -> NoSpaceError:
        size, free = self._wanted.size_bytes, self._free_bytes()
        needed = size + RESERVE_BYTES
        return NoSpaceError(
            f"There is no room for {self._wanted.what} ({_megabytes(size)}): the download needs {_megabytes(needed)} "
            f"of free disk space, and the device has {_megabytes(free)}.",
            f"Free at least {_megabytes(max(needed - free, 0))} on the device, then roll out again.",
        )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / _MEGABYTE:.1f} MB"
