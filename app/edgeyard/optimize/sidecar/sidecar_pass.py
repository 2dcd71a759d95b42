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
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.sidecar.message import SidecarReply, SidecarRequest
from edgeyard.optimize.step import StepInput, StepOutput

_BATCH = 64
_MAX_SAMPLES_BYTES = 1 << 30


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


def write_samples(
    dataset: Dataset, path: Path, limit: int, seed: int, tell: Callable[[int], None] = lambda _done: None
) -> NDArray[np.int64]:
    """Write prepared samples as float32 .npy (N×…), a batch at a time.

    Sets may lie sorted by class, so what is left out is drawn by `seed`, and the order is kept.

    Args:
        limit: how many at most; fewer where they would take more than 1 GiB.

    Returns:
        The positions in `dataset` of those that were written.
    """
    if not len(dataset):
        raise UserError("There are no samples.", "Give a calibration set.")
    sample = next(dataset.first(1).batches(1))[0]
    count = min(len(dataset), limit, max(1, _MAX_SAMPLES_BYTES // sample.nbytes))
    positions = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:count]).astype(np.int64)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, *sample.shape))
    for start in range(0, count, _BATCH):
        span = positions[start : start + _BATCH]
        out[start : start + len(span)] = next(dataset.take(span, dataset.title).batches(len(span)))
        tell(start + len(span))
    out.flush()
    return positions
