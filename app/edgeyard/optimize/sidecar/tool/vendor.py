"""What the adapters to vendors' programs share: starting the program and reading what it says of its version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeyard.optimize import jail
from edgeyard.optimize.sidecar.tool.task import RefusedError, Task

_VERSION_LIMIT_S = 60.0


def run_program(task: Task, arguments: Sequence[str], *, what: str) -> None:
    """Run the vendor's program in the task's folder; its output goes to the log.

    Raises:
        RefusedError: it ended with an error; `what` says what it was doing.
    """
    command = [task.program, *arguments]
    print("$", " ".join(command), flush=True)  # noqa: T201 - the log
    parent = os.getpid()
    end = subprocess.run(
        command,
        cwd=task.folder,
        stdin=subprocess.DEVNULL,
        check=False,
        preexec_fn=None if sys.platform == "win32" else lambda: jail.die_with_parent(parent),
    )
    if end.returncode != 0:
        raise RefusedError(
            f"{Path(task.program).name} failed while {what} (exit code {end.returncode}).", "Its log says why."
        )


def program_version(task: Task, *arguments: str, pattern: str = r"v?(\d+(?:\.\d+)+)") -> str:
    """The version that the program says it has, by the first group of `pattern`; `unknown` where it says none."""
    try:
        answer = subprocess.run(
            [task.program, *arguments],
            cwd=task.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(pattern, answer.stdout + answer.stderr)
    return found[1] if found else "unknown"


def take_output(task: Task, made: Path) -> None:
    """Move what the program wrote to where the contract wants it."""
    if not made.is_file():
        raise RefusedError(f"{Path(task.program).name} wrote no {made.name}.", "Its log says why.")
    if made != task.output:
        made.replace(task.output)
