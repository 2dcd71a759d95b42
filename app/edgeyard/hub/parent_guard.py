"""Start another program so that it ends when the process that asked for it ends, however that happens (Linux).

Run as a script: `python -I -S parent_guard.py PARENT_PID PROGRAM ARGUMENT…`. It asks the kernel for SIGKILL at its
parent's death, makes sure the parent is still there, and becomes PROGRAM; the request outlives `exec`. A script
rather than `preexec_fn`, which may deadlock in a process with threads. The kernel means the *thread* that started the
child: start it from one that lives as long as the child should. PROGRAM must not change its user afterwards: that
clears the request.

Imports nothing of Edgeyard, so that it costs a few milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> bool:
    """Ask for SIGKILL at the parent's death; `False` when the parent is already gone (the caller should exit).

    On other systems than Linux this does nothing and says `True`.
    """
    if not sys.platform.startswith("linux"):
        return True
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent_pid


if __name__ == "__main__":
    if not die_with_parent(int(sys.argv[1])):
        sys.exit(1)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - becoming the program is the point
