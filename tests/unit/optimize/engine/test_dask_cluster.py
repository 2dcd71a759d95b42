"""A job on a real Dask cluster of one worker: result, events, refusals and cancelling."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.dask_cluster import run_job_on
from edgeyard.optimize.engine.event import CandidateProven, Event, StepStarted
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.result_folder import load_result
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from edgeyard.optimize.worker_answer import JobCancelledError
from tests.unit.optimize import toy_model

pytest.importorskip("distributed", reason="the extra dask is not installed")

HALF = Recipe((RecipeStep("half", "fp16"),))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with one worker."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    dask = [sys.executable, "-m", "dask"]
    common = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [*dask, "worker", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    started = [
        subprocess.Popen([*scheduler, "--scheduler-file", str(file)], **common),  # type: ignore[call-overload]
        subprocess.Popen([*worker, "--scheduler-file", str(file)], **common),  # type: ignore[call-overload]
    ]
    deadline = time.monotonic() + 60
    while not file.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    import distributed

    address: str = json.loads(file.read_text())["address"]
    with distributed.Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    yield address
    for process in started:
        process.terminate()
        process.wait(20)


def test_the_result_and_the_events_come_from_the_cluster(toy: OptimizeJob, cluster: str) -> None:
    seen: list[Event] = []
    result = run_job_on(cluster, replace(toy, recipe=HALF), on_event=seen.append)
    assert load_result(toy.out_dir) == result
    assert {candidate.name for candidate in result.candidates} == {"fp32", "half"}
    assert any(isinstance(event, CandidateProven) for event in seen)
    assert not toy.cache_dir.exists()


def test_a_refusal_there_is_one_here(toy: OptimizeJob, cluster: str, tmp_path: Path) -> None:
    few = toy_model.save_set(tmp_path / "few.npz", toy_model.images(5))
    with pytest.raises(UserError, match="The data set has 5 samples"):
        run_job_on(cluster, replace(toy, data=DataFiles(whole=few)))
    assert not toy.out_dir.exists()


def test_cancelling_here_ends_it_there(toy: OptimizeJob, cluster: str) -> None:
    cancel = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, StepStarted):
            cancel.set()

    with pytest.raises(JobCancelledError):
        run_job_on(cluster, toy, on_event=listen, cancel=cancel)
    assert not toy.out_dir.exists()
    # The one worker is free again.
    run_job_on(cluster, replace(toy, recipe=HALF))


@pytest.mark.parametrize(
    ("address", "words"),
    [("host", "no scheduler's address"), ("tcp://127.0.0.1:1", "cannot be reached"), ("http://a:1", "no scheduler's")],
)
def test_an_address_without_a_cluster_is_refused(
    toy: OptimizeJob, address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeyard.optimize.engine import dask_cluster

    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1)
    with pytest.raises(UserError, match=words):
        run_job_on(address, toy)
