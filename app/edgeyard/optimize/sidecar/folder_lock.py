"""One maker of an environment at a time, also among processes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgeyard.optimize.worker_answer import JobCancelledError

_TRY_AGAIN_S = 0.2


@contextlib.contextmanager
def hold_folder(path: Path, cancel: threading.Event | None) -> Iterator[None]:
    """Hold the lock file `path`; waits for another holder. The system lets go of it when a holder is killed.

    Raises:
        JobCancelledError: `cancel` was set while waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        while not _locked(file):
            if cancel is not None and cancel.is_set():
                raise JobCancelledError
            time.sleep(_TRY_AGAIN_S)
        yield


def _locked(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
