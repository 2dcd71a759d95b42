"""Watching one job from outside the jail: its worker, its sidecars, its time. What the worker says is not believed
further than it can be checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.bench import REPLY_FILE
from edgeyard.optimize.engine.event import (
    CandidateProven,
    Event,
    JobNote,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
)
from edgeyard.optimize.engine.jury import RUN_OFF
from edgeyard.optimize.engine.task import Skip, Waiting, WorkReport, WorkTask
from edgeyard.optimize.engine.work import work
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.recipe.recipe import ORIGINAL
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.worker_answer import JobCancelledError, WorkerCrashError, WorkerLimits

_PROOF_S = 900.0
"""What proofs and the run-off may take after the budget."""
_CAUSES = {"crash": "crashed", "memory": "memory", "killed": "memory", "time": "budget", "cpu": "budget"}


class _OverrunError(Exception):
    """A step takes longer than it may."""


@dataclass(slots=True)
class Supervisor:
    """One job. `on_event` is called in the thread that calls `run`; fractions of its events never fall."""

    task: WorkTask
    on_event: Callable[[Event], None]
    cancel: threading.Event | None
    log: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    _fraction: float = 0.0
    _current: StepStarted | None = None
    _current_since: float = 0.0
    _killed: set[str] = field(default_factory=set)

    @property
    def elapsed_s(self) -> float:
        """Since the job began."""
        return time.monotonic() - self.started

    def run(self) -> WorkReport:
        """Run workers and sidecars until nothing is left to do.

        Raises:
            UserError: the model or data cannot be used; `WorkerCrashError` when the original itself ends the worker.
            JobCancelledError: `cancel` was set.
        """
        while True:
            report = self._run_worker()
            if report is not None and not report.waiting:
                return report
            for waiting in report.waiting if report is not None else ():
                self._run_sidecar(waiting)

    def tell(self, event: Event) -> None:
        """Pass an event on, and keep its text."""
        self._fraction = max(self._fraction, min(1.0, event.fraction))
        event = msgspec.structs.replace(event, fraction=self._fraction)
        if event.text and not isinstance(event, StepProgress):
            self.log.append(event.text)
        self.on_event(event)

    def _run_worker(self) -> WorkReport | None:
        """One worker; `None` when it died of a step, which is left out from now on."""
        job = self.task.job
        self.task = replace(self.task, elapsed_s=self.elapsed_s)
        self._current = None
        folder = job.cache_dir / self.task.source_sha256
        limits = WorkerLimits(
            memory_bytes=job.memory_bytes,
            cpu_s=int(job.budget_s * 2 + _PROOF_S),
            wall_s=max(0.0, job.budget_s - self.elapsed_s) + _PROOF_S,
            background=job.background,
        )
        try:
            return run_in_worker(
                work,
                self.task,
                limits=limits,
                cancel=self.cancel,
                on_progress=self._on_progress,
                on_event=self._on_event,
                watch=self._watch,
                writable=[folder],
            )
        except _OverrunError:
            self._leave_out(Skip("budget", f"It was given up after {time.monotonic() - self._current_since:.0f} s."))
        except WorkerCrashError as error:
            if error.kind == "killed" and self._culprit() not in self._killed:
                # Whoever killed it may not have meant the step: it gets a second try.
                self._killed.add(self._culprit())
                self.tell(JobNote(text=f"{error.what} Starting again.", at_s=self.elapsed_s))
                return None
            self._leave_out(Skip(_CAUSES.get(error.kind, "crashed"), error.what), error)
        return None

    def _leave_out(self, skip: Skip, error: WorkerCrashError | None = None) -> None:
        culprit = self._culprit()
        if culprit == RUN_OFF and self.task.run_off:
            self.task = replace(self.task, run_off=False)
        elif culprit in {"", ORIGINAL, RUN_OFF, *self.task.skipped}:
            raise error or UserError("The job took too long.", "Use a smaller model or less data.")
        else:
            self.task = replace(self.task, skipped={**self.task.skipped, culprit: skip})
        self.tell(JobNote(text=f"{culprit} ended its worker: {skip.reason} Going on without it.", at_s=self.elapsed_s))

    def _culprit(self) -> str:
        """What the worker was at; empty when it was at no step."""
        return self._current.step if self._current is not None else ""

    def _watch(self) -> None:
        current = self._current
        if current is not None and current.limit_s and time.monotonic() - self._current_since > current.limit_s:
            raise _OverrunError

    def _on_progress(self, progress: Progress) -> None:
        self.tell(JobNote(text=progress.text, at_s=self.elapsed_s))

    def _on_event(self, raw: msgspec.Raw) -> None:
        try:
            event: Event = job_message.decode(raw, Event)
        except job_message.FrameError as error:
            raise WorkerCrashError("crash", "The worker sent something that is no event.", "Do not use it.") from error
        if isinstance(event, StepStarted):
            self._current, self._current_since = event, time.monotonic()
        elif isinstance(event, StepDone | StepFailed | CandidateProven):
            self._current = None
        self.tell(event)

    def _run_sidecar(self, waiting: Waiting) -> None:
        from edgeyard.optimize.sidecar.catalog import sidecar_obstacle
        from edgeyard.optimize.sidecar.run_sidecar import run_sidecar

        job = self.task.job
        obstacle = sidecar_obstacle(waiting.request.sidecar)
        remaining_s = job.budget_s - self.elapsed_s
        try:
            if obstacle:
                raise UserError(obstacle)
            if remaining_s <= 0:
                raise UserError("The budget of time was over before its sidecar could start.")
            folder = job.cache_dir / self.task.source_sha256 / "sidecar"
            if folder.resolve() not in waiting.folder.resolve().parents:
                raise UserError("The worker named a folder that is not its own.", "Do not use this model file.")
            request = msgspec.structs.replace(
                waiting.request,
                time_limit_s=min(waiting.request.time_limit_s, max(1.0, remaining_s)),
                memory_bytes=max(waiting.request.memory_bytes, job.memory_bytes),
            )
            self.tell(StepStarted(step=waiting.step, text=f"{waiting.step}: running its sidecar.", at_s=self.elapsed_s))

            def listen(done: float, text: str) -> None:
                self.tell(StepProgress(step=waiting.step, done=done, text=text, at_s=self.elapsed_s))

            reply = run_sidecar(request, waiting.folder, cancel=self.cancel, on_progress=listen)
            (waiting.folder / REPLY_FILE).write_bytes(job_message.encode_json(reply))
        except JobCancelledError:
            raise
        except UserError as error:
            cause = "obstacle" if obstacle else "budget" if remaining_s <= 0 else "failed"
            reason = f"{error.what} {error.todo}".strip()
            self.task = replace(self.task, skipped={**self.task.skipped, waiting.step: Skip(cause, reason)})
