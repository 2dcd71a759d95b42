"""Letting what people look at go first, where the system knows that (POSIX `nice`)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICENESS = 10


def give_way(pid: int) -> None:
    """Make a process that leads a session of its own, and what it starts, wait for everything else.

    Linux desktops share the processor out by session first (`sched_autogroup`, see sched(7)), and niceness counts
    within a session only: so the whole session gets it, too. Where that cannot be done, nothing happens.
    """
    if not hasattr(os, "setpriority"):
        return
    with contextlib.suppress(OSError):
        # Root may also make a process less patient than it was: never that.
        os.setpriority(os.PRIO_PROCESS, pid, max(NICENESS, os.getpriority(os.PRIO_PROCESS, pid)))
    with contextlib.suppress(OSError):
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
