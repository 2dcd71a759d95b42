"""Jobs: their rows, progress, log, cancel, and what becomes of them when the program dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.jobs.job_kind import JobKind, OnProgress
from edgeyard.desktop.jobs.job_runner import JobRunner, process_name
from edgeyard.desktop.jobs.jobs_panel import JobsPanel
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.error import UserError
from edgeyard.optimize.job_message import Progress
from edgeyard.store import job as jobs
from edgeyard.store.database import Connection
from edgeyard.store.job import Job
from tests.unit.desktop import plan_world
from tests.unit.desktop.plan_desk import database_of, make_site, open_window


def count_to_three(_workspace: Workspace, subject: str, on_progress: OnProgress, _cancel: threading.Event) -> str:
    for step in range(3):
        on_progress(Progress(step / 3, f"Step {step + 1} for {subject}"))
    return "Counted."


def wait_for_cancel(_workspace: Workspace, _subject: str, on_progress: OnProgress, cancel: threading.Event) -> str:
    on_progress(Progress(0.25, "Waiting"))
    cancel.wait(30)
    raise UserError("The job was cancelled.", "Nothing of it was kept.")


def refuse(_workspace: Workspace, _subject: str, _on_progress: OnProgress, _cancel: threading.Event) -> str:
    raise UserError("The disk is full.", "Make room.")


KINDS = {
    "count": JobKind(count_to_three, "zap"),
    "wait": JobKind(wait_for_cancel, "zap"),
    "refuse": JobKind(refuse, "zap"),
}


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    return make_site(tmp_path, plan_world.seed_site)


@pytest.fixture
def window(qtbot: QtBot, folder: SiteFolder) -> Iterator[MainWindow]:
    with open_window(qtbot, folder) as opened:
        runner = JobRunner.of(opened.desk.bridge)
        runner._kinds = KINDS
        yield opened


@pytest.fixture
def panel(window: MainWindow) -> JobsPanel:
    window.toggle_jobs()
    found = window.findChild(JobsPanel)
    assert isinstance(found, JobsPanel)
    return found


def newest(window: MainWindow) -> Job | None:
    latest = window.desk.feeds.jobs.latest
    return latest[0] if latest else None


def wait_for_state(qtbot: QtBot, window: MainWindow, state: str) -> Job:
    def reached() -> bool:
        job = newest(window)
        return job is not None and job.state == state

    qtbot.waitUntil(reached, timeout=10_000)
    found = newest(window)
    assert found is not None
    return found


def test_a_job_runs_to_its_end_and_keeps_a_log(qtbot: QtBot, window: MainWindow, panel: JobsPanel) -> None:
    JobRunner.of(window.desk.bridge).start("count", "Count for fun", "42")
    done = wait_for_state(qtbot, window, "done")
    assert (done.text, done.progress) == ("Counted.", 1.0)
    qtbot.waitUntil(lambda: "Done: Counted." in panel.log.toPlainText(), timeout=5_000)
    log = panel.log.toPlainText()
    assert log.index("Step 1 for 42") < log.index("Step 3 for 42")
    assert not panel.again.isHidden()
    assert panel.cancel.isHidden()


def test_a_running_job_can_be_cancelled_and_run_again(qtbot: QtBot, window: MainWindow, panel: JobsPanel) -> None:
    JobRunner.of(window.desk.bridge).start("wait", "Wait", "x")
    wait_for_state(qtbot, window, "running")
    qtbot.waitUntil(lambda: not panel.cancel.isHidden() and panel.cancel.isEnabled(), timeout=5_000)
    panel.cancel.click()
    first = wait_for_state(qtbot, window, "cancelled")
    qtbot.waitUntil(lambda: not panel.again.isHidden(), timeout=5_000)
    panel.again.click()
    again = wait_for_state(qtbot, window, "running")
    assert (again.id != first.id, again.title, again.subject) == (True, "Wait", "x")


def test_a_failed_job_says_what_and_what_to_do(qtbot: QtBot, window: MainWindow, panel: JobsPanel) -> None:
    JobRunner.of(window.desk.bridge).start("refuse", "Fill the disk", "")
    failed = wait_for_state(qtbot, window, "failed")
    assert failed.text == "The disk is full. Make room."


def test_closing_the_program_interrupts_what_still_runs(qtbot: QtBot, window: MainWindow, folder: SiteFolder) -> None:
    runner = JobRunner.of(window.desk.bridge)
    runner.start("wait", "Wait", "x")
    wait_for_state(qtbot, window, "running")
    runner.stop()
    with database_of(folder) as database, database.read() as c:
        (row,) = jobs.list_jobs(c)
    assert row.state == "interrupted"
    assert row.text == "The window was closed while it ran. Run it again to go on."


def _dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        return process_name(child.pid)
    finally:
        child.kill()
        child.wait()


def test_a_job_of_a_killed_program_is_interrupted_at_the_next_start_and_can_run_again(
    qtbot: QtBot, tmp_path: Path
) -> None:
    dead = _dead_process()

    def seed(c: Connection, now: float) -> None:
        plan_world.seed_site(c, now)
        killed = jobs.create_job(c, "count", "Optimize yard-vision 2", "2", now, dead)
        jobs.update_job(c, killed, "running", 0.4, "Proving int8.", now)
        alive = jobs.create_job(c, "count", "Of a program that lives", "3", now, process_name(os.getpid()))
        jobs.update_job(c, alive, "running", 0.4, "Proving int8.", now)

    with open_window(qtbot, make_site(tmp_path / "killed", seed)) as window:
        JobRunner.of(window.desk.bridge)._kinds = KINDS
        window.toggle_jobs()
        panel = window.findChild(JobsPanel)
        assert isinstance(panel, JobsPanel)

        def states() -> list[str]:
            return [row.state for row in window.desk.feeds.jobs.latest or ()]

        qtbot.waitUntil(lambda: states() == ["running", "interrupted"], timeout=10_000)
        panel.list.setCurrentIndex(panel.model.index(1))
        assert not panel.again.isHidden()
        assert panel.again.isEnabled()
        panel.again.click()
        qtbot.waitUntil(lambda: states() == ["done", "running", "interrupted"], timeout=10_000)


def test_an_empty_panel_explains_itself(qtbot: QtBot, window: MainWindow, panel: JobsPanel) -> None:
    qtbot.waitUntil(lambda: window.desk.feeds.jobs.latest is not None, timeout=5_000)
    assert panel._stack.currentIndex() == 1


def test_progress_is_written_a_few_times_a_second_at_most(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[float] = []
    real = jobs.update_job

    def counted(*arguments: object) -> bool:
        writes.append(time.monotonic())
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("edgeyard.store.job.update_job", counted)

    def chatty(_w: Workspace, _s: str, on_progress: OnProgress, _c: threading.Event) -> str:
        for step in range(2000):
            on_progress(Progress(step / 2000, "Measuring"))
        return "Measured."

    runner = JobRunner.of(window.desk.bridge)
    runner._kinds = {"chatty": JobKind(chatty, "zap")}
    runner.start("chatty", "Measure", "")
    wait_for_state(qtbot, window, "done")
    assert len(writes) < 12
