"""What the desktop and the command line call: inspection and import, each in a worker process.

All block the thread that calls them (a job is a thread), report to `on_progress` in that thread, and end the process
when `cancel` is set. What a worker leaves in a folder is looked at here before it counts: it has read a stranger's
model, and is not believed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from edgeyard.optimize.import_check import MODEL_FILE, SETS, ImportFacts, check_import, set_file
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.worker_answer import WorkerCrashError, WorkerLimits

INSPECT_LIMITS = WorkerLimits(memory_bytes=6 << 30, cpu_s=120, wall_s=120.0)
"""A model of 2 GiB is held three times: the bytes, the parsed graph, and the checker's copy."""


def inspect_in_worker(
    source: Path,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    limits: WorkerLimits = INSPECT_LIMITS,
) -> ModelSummary:
    """`inspect_model` in a worker; raises what it raises, and `WorkerCrashError`."""
    return run_in_worker(inspect_model, source, limits=limits, cancel=cancel, on_progress=on_progress)


def import_in_worker(
    model: Path,
    data: Path,
    out_dir: Path,
    seed: int,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    limits: WorkerLimits = INSPECT_LIMITS,
) -> ImportFacts:
    """`check_import` in a worker that may write to `out_dir`; what it leaves there besides the named files is removed.

    Raises:
        UserError: as `check_import`; `WorkerCrashError` when the model crashes the worker.
    """
    facts = run_in_worker(
        check_import,
        model,
        data,
        out_dir,
        seed,
        limits=limits,
        cancel=cancel,
        on_progress=on_progress,
        writable=[out_dir],
    )
    named = {MODEL_FILE, *(set_file(name) for name in SETS)}
    for path in out_dir.iterdir():
        if path.is_symlink() or path.name not in named:
            _remove(path)
    if any(not (out_dir / name).is_file() for name in named):
        raise WorkerCrashError(
            "crash", "The worker did not leave the files it reported.", "Do not use this model file."
        )
    return facts


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
