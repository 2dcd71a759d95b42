"""Passes whose work is done by a sidecar. What they prepare and finish stays in the jail of a worker.

The supervisor calls the three moves: `prepare` in a jailed worker, `run_sidecar` itself, `finish` in a jailed worker.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.sidecar.message import SidecarReply, SidecarRequest
from edgeyard.optimize.step import StepInput, StepOutput

_BATCH = 64


class SidecarPass(ABC):
    """Base of such passes; the rest of `Pass` is theirs."""

    sidecar: ClassVar[str]
    """Name of the sidecar in the catalog."""

    @abstractmethod
    def prepare(self, settings: Any, given: StepInput, folder: Path) -> SidecarRequest:
        """Write the input files into `folder` (empty) and say what is to be done with them."""

    def finish(self, settings: Any, given: StepInput, folder: Path, reply: SidecarReply, out: Path) -> StepOutput:
        """Take the artifact from `folder` to `out`. Raises `UserError` when it is unfit."""
        source = folder / reply.output
        if source.is_symlink():
            raise UserError("The sidecar left a link instead of a file.", "See its log.")
        shutil.copyfile(source, out)
        return step_output(reply)

    def run(self, settings: Any, given: StepInput, out: Path) -> StepOutput:
        """All three moves at once, for callers outside a jail."""
        from edgeyard.optimize.sidecar.run_sidecar import run_sidecar

        folder = given.scratch / "sidecar"
        folder.mkdir()
        request = self.prepare(settings, given, folder)
        reply = run_sidecar(request, folder, on_progress=given.tell)
        return self.finish(settings, given, folder, reply, out)


def step_output(reply: SidecarReply, *notes: str) -> StepOutput:
    """What is said of the sidecar's work: its notes and figures, with the versions of what made the artifact."""
    made_by = "Made by " + ", ".join(f"{name} {version}" for name, version in reply.versions.items()) + "."
    said = (*reply.notes, *notes, *((made_by,) if reply.versions else ()))
    return StepOutput(said, {**reply.figures, "versions": dict(reply.versions), "duration_s": reply.duration_s})


def write_samples(dataset: Dataset, path: Path, limit: int, tell: Callable[[int], None] = lambda _done: None) -> int:
    """Write up to `limit` prepared samples as float32 .npy, a batch at a time; returns how many."""
    chosen = dataset.first(limit)
    out: Any = None
    done = 0
    for batch in chosen.batches(_BATCH):
        if out is None:
            shape = (len(chosen), *batch.shape[1:])
            out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        out[done : done + len(batch)] = batch
        done += len(batch)
        tell(done)
    if out is not None:
        out.flush()
    return done
