"""The tool's side of the contract (`sidecar.message`), for tools in Python: standard library only."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

_PROGRESS_EVERY_S = 0.2


class RefusedError(Exception):
    """The tool cannot do it, and knows why: `what` for people, and what to do about it."""

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.what, self.todo = what, todo


@dataclass(slots=True)
class Task:
    """A request, opened."""

    folder: Path
    settings: dict[str, Any]
    inputs: dict[str, Path]
    output: Path
    seed: int
    time_limit_s: float
    threads: int
    program: str
    started: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def tell(self, fraction: float, text: str) -> None:
        """Say how far it is, 0 to 1; at most a few times a second reach the disk."""
        now = time.monotonic()
        if now - self._told < _PROGRESS_EVERY_S and fraction < 1:
            return
        self._told = now
        body = json.dumps({"fraction": min(1.0, max(0.0, fraction)), "text": text[:200]})
        temporary = self.folder / "progress.json.new"
        temporary.write_text(body, encoding="utf-8")
        temporary.replace(self.folder / "progress.json")

    @property
    def seconds_left(self) -> float:
        """Until the supervisor ends this process."""
        return self.time_limit_s - (time.monotonic() - self.started)


@dataclass(slots=True)
class Outcome:
    """What was made, besides the file itself. `versions` of the programs used; `packages` are looked up."""

    notes: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()


def serve(convert: Callable[[Task], Outcome], folder: Path) -> int:
    """Read the request in `folder`, call `convert`, and write the reply. Returns the exit code."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    task = Task(
        folder=folder,
        settings=request["settings"],
        inputs={meaning: folder / name for meaning, name in request["inputs"].items()},
        output=folder / request["output"],
        seed=request["seed"],
        time_limit_s=request["time_limit_s"],
        threads=request["threads"],
        program=request["program"],
    )
    try:
        outcome = convert(task)
    except RefusedError as error:
        _write(folder, {"status": "refused", "what": error.what[:2000], "todo": error.todo[:2000]})
        return 0
    except Exception as error:
        traceback.print_exc()
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        _write(folder, {"status": "refused", "what": f"It failed: {type(error).__name__}: {reason}"})
        return 0
    size_bytes, sha256 = _measure(task.output)
    versions = outcome.versions | {name: metadata.version(name) for name in outcome.packages}
    _write(
        folder,
        {
            "status": "done",
            "output": task.output.name,
            "size_bytes": size_bytes,
            "sha256": sha256,
            "versions": versions,
            "notes": outcome.notes,
            "figures": outcome.figures,
        },
    )
    return 0


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _write(folder: Path, reply: dict[str, Any]) -> None:
    temporary = folder / "reply.json.new"
    temporary.write_text(json.dumps(reply, allow_nan=False), encoding="utf-8")
    temporary.replace(folder / "reply.json")
