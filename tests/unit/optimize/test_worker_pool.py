"""Workers behind the standard executor interface."""

import time

import pytest

from edgeyard.optimize.worker_answer import JobCancelledError
from edgeyard.optimize.worker_pool import WorkerPool
from tests.unit.optimize import worker_job


def test_calls_run_side_by_side_in_processes_of_their_own() -> None:
    with WorkerPool(max_workers=2) as pool:
        first, second = (pool.submit(worker_job.sleep_and_tell, 0.1) for _ in range(2))
        assert first.result() != second.result()


def test_map_works_as_of_any_executor() -> None:
    with WorkerPool(max_workers=2) as pool:
        assert list(pool.map(worker_job.allocate, [10, 20])) == [10, 20]


def test_a_running_call_can_be_cancelled() -> None:
    with WorkerPool() as pool:
        future = pool.submit(worker_job.sleep_and_tell, 60.0)
        while not future.running():
            time.sleep(0.01)
        pool.cancel(future)
        with pytest.raises(JobCancelledError):
            future.result(timeout=10)


def test_shutting_down_ends_running_and_waiting_calls() -> None:
    pool = WorkerPool()
    running, waiting = (pool.submit(worker_job.sleep_and_tell, 60.0) for _ in range(2))
    while not running.running():
        time.sleep(0.01)
    pool.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    assert isinstance(running.exception(), JobCancelledError)
