"""What the desktop and the command line call: inspection, import and optimization, each in a worker process.

All block the thread that calls them (a job is a thread), report to `on_progress` in that thread, and end the process
when `cancel` is set. What a worker leaves in a folder is looked at here before it counts: it has read a stranger's
model, and is not believed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgeyard.optimize.import_check import MODEL_FILE, SETS, ImportFacts, check_import, set_file
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.optimize_version import optimize_version
from edgeyard.optimize.request import OptimizeRequest, OptimizeResult
from edgeyard.optimize.result_folder import partial_folder, publish
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.worker_answer import WorkerCrashError, WorkerLimits
from edgeyard.trust.artifact_file import hash_file

INSPECT_LIMITS = WorkerLimits(memory_bytes=6 << 30, cpu_s=120, wall_s=120.0)
"""A model of 2 GiB is held three times: the bytes, the parsed graph, and the checker's copy."""
__all__ = ["import_in_worker", "inspect_in_worker", "optimize_in_worker", "optimize_version"]

_RETRIED = ("crash", "memory")
_NEEDED = "fp32"


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


def optimize_in_worker(
    request: OptimizeRequest,
    *,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    limits: WorkerLimits | None = None,
) -> OptimizeResult:
    """`optimize_version` in a worker that may write only to a folder beside `request.out_dir`.

    When the worker crashes or runs out of memory in one pass, or while that pass's result is proven, it is started
    again without that pass, which is then reported as rejected.

    Raises:
        UserError: as `optimize_version`; `WorkerCrashError` when the original itself is what crashes it.
    """
    out_dir = request.out_dir.resolve()
    with partial_folder(out_dir) as staging:
        inside = replace(request, out_dir=staging / "result")
        result = _run_without_crashing_passes(inside, staging, cancel, on_progress, limits)
        folder = staging / "verified"
        folder.mkdir()
        result = _take_verified(result, inside.out_dir, folder, out_dir)
        publish(folder, out_dir, result)
        return result


def _run_without_crashing_passes(
    request: OptimizeRequest,
    staging: Path,
    cancel: threading.Event | None,
    on_progress: Callable[[Progress], None] | None,
    limits: WorkerLimits | None,
) -> OptimizeResult:
    while True:
        stage = ""

        def listen(progress: Progress) -> None:
            nonlocal stage
            stage = progress.stage
            if on_progress is not None:
                on_progress(progress)

        try:
            return run_in_worker(
                optimize_version, request, limits=limits, cancel=cancel, on_progress=listen, writable=[staging]
            )
        except WorkerCrashError as error:
            culprit = stage.partition(":")[2]
            if error.kind not in _RETRIED or culprit in {"", "latency", _NEEDED, *request.skipped}:
                raise
            request = replace(request, skipped={**request.skipped, culprit: error.what})


def _take_verified(result: OptimizeResult, made: Path, folder: Path, out_dir: Path) -> OptimizeResult:
    """Move the files that the result names from `made` to `folder`; returns the result with paths in `out_dir`.

    Raises:
        WorkerCrashError: a file is not what the result says.
    """
    files = {path.name: path for path in made.iterdir() if path.is_file() and not path.is_symlink()}
    for variant in result.variants:
        path = files.get(f"{variant.name}.onnx")
        if path is None or hash_file(path) != (variant.sha256, variant.size_bytes):
            raise WorkerCrashError(
                "crash", f"The worker's file {variant.name} is not the one it reported.", "Do not use this model file."
            )
        path.replace(folder / path.name)
    return replace(
        result, variants=tuple(replace(variant, path=out_dir / f"{variant.name}.onnx") for variant in result.variants)
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
