"""A tool for tests of the launcher: it tries what the jail forbids and tells what it sees."""

import socket
import sys
from pathlib import Path

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task


def attempt(action: object) -> str:
    try:
        action()  # type: ignore[operator]
    except OSError as error:
        return type(error).__name__
    return "allowed"


def convert(task: Task) -> Outcome:
    if task.settings.get("refuse"):
        raise RefusedError("No.", "Ask again.")
    if task.settings.get("fail"):
        raise IndexError("out of range")
    task.output.write_bytes(task.inputs["model"].read_bytes() * 2)
    task.tell(1.0, "Done.")
    return Outcome(
        notes=["doubled"],
        figures={
            "network": attempt(socket.socket),
            "elsewhere": attempt(lambda: Path(task.settings["elsewhere"]).write_text("x")),
            "modules": sorted(name for name in sys.modules if name.startswith("edgeyard")),
            "seed": task.seed,
        },
        versions={"probe": "1"},
        packages=("pip",),
    )
