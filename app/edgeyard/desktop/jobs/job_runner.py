"""Runs long work in threads of its own and keeps its row: progress, log, end. The rows outlive the window.

A job belongs to the process that runs it. When that process is gone, the next desktop on the same machine marks its
unfinished jobs as interrupted, so that they can be run again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import psutil
from PySide6.QtCore import QCoreApplication, QObject

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.jobs.job_kind import KINDS, JobKind
from edgeyard.desktop.mistake import mistake
from edgeyard.domain.error import UserError
from edgeyard.optimize.job_message import Progress
from edgeyard.store import job as job_store
from edgeyard.store.job import Job

_AT_ONCE = 2
_WRITE_EVERY_S = 0.25
_END_TRIES = 5
_END_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


class JobRunner(QObject):
    """One per process, a child of its bridge: get it with `JobRunner.of(bridge)`."""

    def __init__(self, bridge: Bridge, kinds: Mapping[str, JobKind] = KINDS) -> None:
        super().__init__(bridge)
        self.owner = process_name(os.getpid())
        self._bridge = bridge
        self._kinds = kinds
        self._cancels: dict[int, threading.Event] = {}
        self._closing = False
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="edgeyard-job")
        bridge.opened.connect(self._on_opened)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.stop)
        if bridge.database is not None:
            self._on_opened()

    @staticmethod
    def of(bridge: Bridge) -> JobRunner:
        """The runner of this bridge, made at the first call."""
        found = bridge.findChild(JobRunner)
        return found if isinstance(found, JobRunner) else JobRunner(bridge)

    def start(self, kind: str, title: str, subject: str) -> None:
        """Queue a job; its row appears at once."""
        owner = self.owner

        def create(workspace: Workspace) -> int:
            with workspace.database.write() as connection:
                return job_store.create_job(connection, kind, title, subject, workspace.clock(), owner)

        self._bridge.run(create, lambda job_id: self._submit(job_id, kind, subject))

    def again(self, job: Job) -> None:
        """Run the same once more, as a new job."""
        self.start(job.kind, job.title, job.subject)

    def cancel(self, job_id: int) -> None:
        """Ask a job of this process to end."""
        if job_id in self._cancels:
            self._cancels[job_id].set()

    def is_mine(self, job: Job) -> bool:
        """Whether the job runs in this process, so that it can be cancelled here."""
        return job.owner == self.owner

    def can_run(self, job: Job) -> bool:
        """Whether this program knows how to do that kind of work."""
        return job.kind in self._kinds

    def stop(self) -> None:
        """The program ends: what still runs is stopped and marked as interrupted."""
        self._closing = True
        for cancel in self._cancels.values():
            cancel.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        workspace = self._bridge.workspace if self._cancels else None
        if workspace is not None:
            with contextlib.suppress(UserError), workspace.database.write() as connection:
                job_store.interrupt_jobs(connection, self.owner, workspace.clock())

    def _submit(self, job_id: int, kind: str, subject: str) -> None:
        workspace = self._bridge.workspace
        assert workspace is not None
        self._cancels[job_id] = threading.Event()
        if not self._closing:
            self._threads.submit(self._work, workspace, job_id, kind, subject, self._cancels[job_id])

    def _on_opened(self) -> None:
        self._bridge.run(interrupt_orphans)

    # --- on job threads ----------------------------------------------------------------------------------------------

    def _work(self, workspace: Workspace, job_id: int, kind: str, subject: str, cancel: threading.Event) -> None:
        record = _Record(workspace, job_id)
        try:
            if cancel.is_set():
                raise UserError("The job was cancelled before it began.")
            record.progress(Progress(0.0, "Starting", "start"))
            text = self._kinds[kind].run(workspace, subject, record.progress, cancel)
        except UserError as error:
            if cancel.is_set() and self._closing:
                record.end("interrupted", "The window was closed while it ran. Run it again to go on.")
            else:
                record.end("cancelled" if cancel.is_set() else "failed", str(error))
        except Exception:
            # A job runs all of the optimizer and its libraries; whatever ends it, its row must say that it has ended.
            _log.exception("Job %d (%s) failed inside Edgeyard", job_id, kind)
            record.end("failed", str(mistake("An error inside Edgeyard ended the job.")))
        else:
            record.end("done", text)


class _Record:
    """The row of one job; written from its thread, a few times a second at most."""

    def __init__(self, workspace: Workspace, job_id: int) -> None:
        self._workspace = workspace
        self._job_id = job_id
        self._written_at = 0.0
        self._fraction = 0.0
        self._text = ""

    def progress(self, progress: Progress) -> None:
        new_text = progress.text != self._text
        self._fraction = max(self._fraction, progress.fraction)
        if not new_text and time.monotonic() - self._written_at < _WRITE_EVERY_S:
            return
        self._text, self._written_at = progress.text, time.monotonic()
        # A database that is busy must not end the work: the next step writes again.
        with contextlib.suppress(UserError), self._workspace.database.write() as connection:
            now = self._workspace.clock()
            if progress.stage != "log":
                job_store.update_job(connection, self._job_id, "running", self._fraction, progress.text, now)
            if new_text:
                job_store.append_log(connection, self._job_id, progress.text, now)

    def end(self, state: str, text: str) -> None:
        fraction = 1.0 if state == "done" else self._fraction
        for attempt in range(_END_TRIES):
            try:
                with self._workspace.database.write() as connection:
                    now = self._workspace.clock()
                    job_store.append_log(connection, self._job_id, f"{state.capitalize()}: {text}", now)
                    job_store.update_job(connection, self._job_id, state, fraction, text, now)
            except UserError as error:
                _log.warning("The end of job %d could not be written: %s", self._job_id, error)
                time.sleep(_END_PAUSE_S * (attempt + 1))
            else:
                return


def process_name(pid: int) -> str:
    """Names a process for good: host, number and start time, since numbers are used again."""
    return f"{socket.gethostname()}:{pid}:{psutil.Process(pid).create_time():.0f}"


def interrupt_orphans(workspace: Workspace) -> None:
    """Mark the unfinished jobs of this machine's dead processes as interrupted."""
    with workspace.database.read() as connection:
        owners = {job.owner for job in job_store.list_jobs(connection) if job.ended_at is None}
    dead = [owner for owner in owners if _is_dead(owner)]
    if dead:
        with workspace.database.write() as connection:
            for owner in dead:
                job_store.interrupt_jobs(connection, owner, workspace.clock())


def _is_dead(owner: str) -> bool:
    host, _, rest = owner.partition(":")
    pid, _, _ = rest.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        return process_name(int(pid)) != owner
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
