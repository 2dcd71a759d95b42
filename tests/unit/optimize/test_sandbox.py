"""Workers: what they give back, and that nothing that happens inside is our end."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.worker_answer import JobCancelledError, WorkerBugError, WorkerCrashError, WorkerLimits
from tests.unit.optimize import worker_job
from tests.unit.optimize.worker_job import Pair

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp and Landlock are Linux")


def gone(pid: int) -> bool:
    """Whether the process ends within five seconds."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_typed_arguments_and_result_cross_the_process_boundary(tmp_path: Path) -> None:
    assert run_in_worker(worker_job.swap, Pair(2, ("a", "b"), tmp_path), times=3) == Pair(
        6, ("b", "a"), tmp_path / "inner"
    )


def test_a_refusal_keeps_its_words() -> None:
    with pytest.raises(UserError) as caught:
        run_in_worker(worker_job.refuse, "shape")
    assert (caught.value.what, caught.value.todo) == ("No shape.", "Ask for another.")


def test_our_own_bug_is_raised_as_one_with_the_traceback_of_the_worker() -> None:
    with pytest.raises(WorkerBugError, match="IndexError"):
        run_in_worker(worker_job.fail)


@pytest.mark.parametrize("number", [signal.SIGFPE, signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_becomes_a_refusal_in_words(number: signal.Signals) -> None:
    with pytest.raises(WorkerCrashError, match=number.name) as caught:
        run_in_worker(worker_job.crash, int(number))
    assert caught.value.kind == "crash"
    assert "export it again" in caught.value.todo


def test_memory_beyond_the_limit_is_refused_in_words() -> None:
    with pytest.raises(WorkerCrashError, match="500 MiB of memory") as caught:
        run_in_worker(worker_job.allocate, 2 << 30, limits=WorkerLimits(memory_bytes=500 << 20))
    assert caught.value.kind == "memory"


def test_memory_within_the_limit_is_given() -> None:
    assert run_in_worker(worker_job.allocate, 64 << 20, limits=WorkerLimits(memory_bytes=500 << 20)) == 64 << 20


def test_processor_time_is_limited() -> None:
    with pytest.raises(WorkerCrashError, match="processor time") as caught:
        run_in_worker(worker_job.burn, limits=WorkerLimits(cpu_s=1, wall_s=60))
    assert caught.value.kind == "cpu"


def test_a_job_that_hangs_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(WorkerCrashError, match="longer than") as caught:
        run_in_worker(worker_job.sleep_and_tell, 60.0, limits=WorkerLimits(wall_s=1.0))
    assert caught.value.kind == "time"
    assert time.monotonic() - started < 10


def test_progress_arrives_while_the_job_runs_and_cancelling_kills_it() -> None:
    cancel, seen = threading.Event(), list[Progress]()

    def note(progress: Progress) -> None:
        seen.append(progress)
        if progress.stage == "asleep":
            cancel.set()

    with pytest.raises(JobCancelledError):
        run_in_worker(worker_job.sleep_and_tell, 60.0, cancel=cancel, on_progress=note)
    assert [progress.stage for progress in seen] == ["worker", "asleep"]
    assert gone(int(seen[-1].text))


def test_what_the_job_prints_does_not_disturb_its_answer() -> None:
    assert run_in_worker(worker_job.print_a_lot) == 7


def test_an_answer_of_another_type_is_not_believed() -> None:
    with pytest.raises(WorkerCrashError, match="no result"):
        run_in_worker(worker_job.answer_wrongly)


def test_a_local_function_is_refused_before_anything_is_started() -> None:
    with pytest.raises(ValueError, match="top level"):
        run_in_worker(lambda: 1)


def test_workers_run_without_telemetry_and_with_a_home_of_their_own() -> None:
    assert run_in_worker(worker_job.environment, "ORT_DISABLE_TELEMETRY") == "1"
    home = Path(run_in_worker(worker_job.environment, "HOME"))
    assert home != Path.home()
    assert not home.exists()


@on_linux
def test_a_worker_has_no_network_and_starts_no_programs() -> None:
    assert run_in_worker(worker_job.try_socket) == "refused"
    assert run_in_worker(worker_job.try_program) == "refused"


@on_linux
def test_a_worker_writes_only_where_it_was_allowed(tmp_path: Path) -> None:
    seen = list[Progress]()
    answer = run_in_worker(worker_job.try_write, tmp_path / "x", on_progress=seen.append)
    if "Landlock" not in seen[0].text:
        pytest.skip("this kernel has no Landlock")
    assert answer == "refused"
    assert run_in_worker(worker_job.try_write, tmp_path / "x", writable=[tmp_path]) == "written"


@pytest.mark.skipif(sys.platform == "win32", reason="rlimits are POSIX")
def test_a_worker_cannot_fill_the_disk_with_one_file(tmp_path: Path) -> None:
    limits = WorkerLimits(file_bytes=1 << 20)
    code = run_in_worker(worker_job.write_large, tmp_path / "x", 3 << 20, limits=limits, writable=[tmp_path])
    assert code == errno.EFBIG


@pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")
def test_what_a_worker_left_behind_is_ended_with_it() -> None:
    assert gone(run_in_worker(worker_job.fork_and_leave))


@on_linux
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "from edgeyard.optimize.sandbox import run_in_worker\n"
        "from tests.unit.optimize import worker_job\n"
        "run_in_worker(worker_job.sleep_and_tell, 60.0, on_progress=lambda p: print(p.text, flush=True))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TMPDIR": str(tmp_path),
    }
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    worker = int(parent.stdout.readline())
    assert psutil.pid_exists(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(worker)


def test_a_worker_in_the_background_lets_others_go_first() -> None:
    here, _ = run_in_worker(worker_job.niceness)
    process, session = run_in_worker(worker_job.niceness, limits=WorkerLimits(background=True))
    assert process == max(here, 10)
    if Path("/proc/self/autogroup").exists():
        assert session == 10


def test_events_of_any_type_reach_the_thread_that_waits() -> None:
    seen = list[Pair]()
    told = run_in_worker(worker_job.tell_events, 3, on_event=lambda raw: seen.append(job_message.decode(raw, Pair)))
    assert told == 3
    assert [pair.left for pair in seen] == [0, 1, 2]


def test_who_watches_can_end_a_worker() -> None:
    pids = list[int]()

    def watch() -> None:
        if pids:
            raise TimeoutError("long enough")

    with pytest.raises(TimeoutError):
        run_in_worker(
            worker_job.sleep_and_tell,
            60,
            on_progress=lambda progress: pids.append(int(progress.text)) if progress.stage == "asleep" else None,
            watch=watch,
        )
    assert gone(pids[0])
