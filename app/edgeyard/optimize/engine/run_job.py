"""The one way to optimize: plan a job, run it, and take over what can be verified.

Both calls block their thread (a job is a thread) and do everything that touches the stranger's model in jailed workers.
Killed at any instant, the next run of the same job goes on from what is in the cache.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import is_identifier
from edgeyard.optimize import model_file
from edgeyard.optimize.correction_store import read_corrections
from edgeyard.optimize.engine.bench import ARCHIVE_SUFFIX, SUFFIXES
from edgeyard.optimize.engine.cache import ModelCache
from edgeyard.optimize.engine.choose import choose
from edgeyard.optimize.engine.event import Event, JobPicked
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.pareto import pareto_names
from edgeyard.optimize.engine.result import Candidate, Choice, JobResult
from edgeyard.optimize.engine.result_folder import partial_folder, publish
from edgeyard.optimize.engine.supervise import Supervisor
from edgeyard.optimize.engine.task import JobOutline, WorkReport, WorkTask
from edgeyard.optimize.engine.work import outline
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.sidecar import catalog
from edgeyard.optimize.sidecar.catalog import SIDECARS
from edgeyard.optimize.worker_answer import JobCancelledError, WorkerCrashError, WorkerLimits
from edgeyard.trust.artifact_file import hash_file


def plan_job(job: OptimizeJob, *, cancel: threading.Event | None = None) -> JobOutline:
    """Inspect the model, read the data, and say which steps would run and about how long they take.

    Raises:
        UserError: as `run_job`.
    """
    job = _absolute(job)
    task = _task(job)
    return run_in_worker(outline, task, limits=WorkerLimits(memory_bytes=job.memory_bytes), cancel=cancel)


def run_job(
    job: OptimizeJob, *, on_event: Callable[[Event], None] = lambda _event: None, cancel: threading.Event | None = None
) -> JobResult:
    """Run the job's recipe within its budgets, prove every artifact from its file, choose, and publish.

    `on_event` is called in this thread. A step that fails, crashes, hangs or eats memory costs its own artifact only;
    the result says what happened. What is published in `job.out_dir` is complete, or what was there before stays.

    Raises:
        UserError: the model or the data cannot be used, the original itself cannot be run, or the disk is full.
        JobCancelledError: `cancel` was set; what was finished stays in the cache.
    """
    if not job.profiles:
        raise UserError("No hardware profile is chosen.", "Name at least one, such as host for this machine.")
    job = _absolute(job)
    with partial_folder(job.out_dir) as staging:
        supervisor = Supervisor(_task(job), on_event, cancel)
        try:
            report = supervisor.run()
        except JobCancelledError as error:
            raise JobCancelledError("Optimize again to go on from what was finished.") from error
        folder = staging / "verified"
        folder.mkdir()
        cache = ModelCache(job.cache_dir, supervisor.task.source_sha256)
        taken = tuple(_take_verified(candidate, cache, folder, job.out_dir) for candidate in report.candidates)
        choices = choose(taken, job.profiles, host_facts(), job.max_drop, job.budgets)
        result = _result(job, report, _with_choices(taken, choices), choices, supervisor)
        publish(folder, job.out_dir, result)
        served = sum(bool(choice.picked) for choice in choices)
        text = f"{len(taken)} variants proven, {served} of {len(choices)} kinds of hardware served."
        supervisor.tell(JobPicked(choices=choices, fraction=1.0, text=text, at_s=supervisor.elapsed_s))
        return result


def _absolute(job: OptimizeJob) -> OptimizeJob:
    return replace(job, out_dir=job.out_dir.resolve(), cache_dir=job.cache_dir.resolve())


def _task(job: OptimizeJob) -> WorkTask:
    obstacles = {name: said for name in SIDECARS if (said := catalog.sidecar_obstacle(name))}
    corrections = tuple(read_corrections().values())
    return WorkTask(job, _keep_source(job), sidecar_obstacles=obstacles, corrections=corrections)


def _keep_source(job: OptimizeJob) -> str:
    """Copy the model into the cache, so that nobody changes it in between; returns its SHA-256."""
    data = model_file.read_bytes(job.source)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        ModelCache(job.cache_dir, sha256).keep_source(data)
    except OSError as error:
        raise UserError(
            f"The model cannot be copied to {job.cache_dir} ({error.strerror or error}).",
            "Make room on the disk, or choose another folder for the cache.",
        ) from error
    return sha256


def _take_verified(candidate: Candidate, cache: ModelCache, folder: Path, out_dir: Path) -> Candidate:
    """Copy a candidate's file to `folder`; returns the candidate with its path in `out_dir`.

    Raises:
        WorkerCrashError: the file is not what the worker says.
    """
    name = f"{candidate.name}{SUFFIXES.get(candidate.trait.file_format, ARCHIVE_SUFFIX)}"
    path = candidate.path
    inside = cache.folder.resolve() in path.resolve().parents
    copy = folder / name
    if is_identifier(candidate.name) and inside and path.is_file() and not path.is_symlink() and not copy.exists():
        shutil.copyfile(path, copy)
        if hash_file(copy) == (candidate.sha256, candidate.size_bytes):
            return replace(candidate, path=out_dir / name)
    raise WorkerCrashError(
        "crash",
        f"The worker's file {candidate.name[:80]} is not the one it reported.",
        "Do not use this model file.",
    )


def _with_choices(candidates: tuple[Candidate, ...], choices: tuple[Choice, ...]) -> tuple[Candidate, ...]:
    best = pareto_names(candidates)
    return tuple(
        replace(
            candidate,
            pareto=candidate.name in best,
            profiles=tuple(choice.profile for choice in choices if choice.picked == candidate.name),
            reasons={choice.profile: choice.reasons[candidate.name] for choice in choices},
        )
        for candidate in candidates
    )


def _result(
    job: OptimizeJob,
    report: WorkReport,
    candidates: tuple[Candidate, ...],
    choices: tuple[Choice, ...],
    supervisor: Supervisor,
) -> JobResult:
    golden_sha256, golden_size_bytes = hash_file(job.data.golden) if job.data.golden is not None else ("", 0)
    return JobResult(
        summary=report.summary,
        preprocessing=report.preprocessing,
        recipe=report.recipe,
        plan=report.plan,
        candidates=candidates,
        rejected=report.rejected,
        choices=choices,
        samples=report.samples,
        ended=report.ended,
        golden_sha256=golden_sha256,
        golden_size_bytes=golden_size_bytes,
        max_drop=job.max_drop,
        machine=host_facts(),
        duration_s=supervisor.elapsed_s,
        log=tuple(supervisor.log),
    )
