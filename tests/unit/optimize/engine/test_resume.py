"""Killed at any moment, the worker or the whole application, the same job ends with the same result; so does one whose
disk was full."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine import supervise
from edgeyard.optimize.engine.event import Event, StepProgress, StepStarted
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.result_folder import load_result
from edgeyard.optimize.engine.run_job import run_job
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from tests.unit.optimize import pass_bad
from tests.unit.optimize.conftest import toy_job
from tests.unit.optimize.engine.kill_story import story_of

RECIPE = Recipe(
    (
        RecipeStep("half", "fp16"),
        RecipeStep("slow", "bad", source="half", settings={"how": "slow"}),
        RecipeStep("broken", "bad", settings={"how": "raise"}),
        RecipeStep("last", "fp16", settings={"keep_operators": ["Gemm"]}),
    )
)


@pytest.fixture
def job(toy: OptimizeJob) -> OptimizeJob:
    return replace(toy, recipe=RECIPE)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> JobResult:
    """What comes out when nobody is killed."""
    job = toy_job(tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervise, "work", pass_bad.work_badly)
        return run_job(replace(job, recipe=RECIPE))


def application(job: OptimizeJob, folder: Path) -> subprocess.Popen[str]:
    path = folder / "job.json"
    path.write_bytes(job_message.encode_json(job))
    paths = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.optimize.engine.kill_story", str(path)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=5)[1]


def test_the_whole_application_killed_again_and_again_ends_with_the_same_result(
    job: OptimizeJob, undisturbed: JobResult, tmp_path: Path
) -> None:
    for moment in ("StepProgress slow", "StepDone last"):
        process = application(job, tmp_path)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == moment:
                break
        else:
            pytest.fail(f"it ended before {moment}")
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        process.stdout.close()
        assert children
        assert gone(children)
        assert not job.out_dir.exists()
    process = application(job, tmp_path)
    said = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert "StepProgress slow" not in said or "StepStarted half" not in said  # what was finished is not done again
    assert story_of(load_result(job.out_dir)) == story_of(undisturbed)
    assert not list(tmp_path.glob(".*"))
    assert not list(job.cache_dir.glob("*/.work-*"))


def test_a_worker_killed_in_a_step_and_in_a_proof_does_not_cost_the_step(
    job: OptimizeJob, undisturbed: JobResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "work", pass_bad.work_badly)
    killed: list[str] = []

    def kill(event: Event) -> None:
        in_step = isinstance(event, StepProgress) and event.step == "slow"
        in_proof = isinstance(event, StepStarted) and (event.step, event.phase) == ("last", "prove")
        moment = "step" if in_step else "proof"
        if (in_step or in_proof) and moment not in killed:
            killed.append(moment)
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # a worker before it may still be on its way out
                    if "edgeyard.optimize.worker" in child.cmdline():
                        child.send_signal(signal.SIGKILL)

    result = run_job(job, on_event=kill)
    assert killed == ["step", "proof"]
    assert sum("Starting again" in line for line in result.log) == 2
    assert story_of(result) == story_of(undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; for root on Linux only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if not sys.platform.startswith("linux") or mount is None or os.geteuid() != 0:
        pytest.skip("a small file system needs root on Linux")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("this container mounts nothing")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_what_has_no_room_and_the_same_again_ends_with_the_same_result(
    job: OptimizeJob, undisturbed: JobResult, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "work", pass_bad.work_badly)
    job = replace(job, cache_dir=small_disk / "cache")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(230_000))
    result = run_job(job)
    causes = {entry.name: entry.cause for entry in result.rejected}
    assert "disk" in causes.values()
    assert "no room on the disk" in next(each.reason for each in result.rejected if each.cause == "disk")
    assert "fp32" in {candidate.name for candidate in result.candidates}
    more = small_disk / "more"
    more.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(UserError, match="Make room"):
        run_job(replace(job, cache_dir=small_disk / "other", out_dir=small_disk / "out"))
    assert not (small_disk / "out").exists()
    ballast.unlink()
    more.unlink()
    assert story_of(run_job(job)) == story_of(undisturbed)


def test_a_damaged_or_forged_entry_is_made_again(job: OptimizeJob) -> None:
    recipe = Recipe((RecipeStep("half", "fp16"),))
    first = run_job(replace(job, recipe=recipe))
    (folder,) = job.cache_dir.iterdir()
    (artifact,) = folder.glob("steps/*/artifact.onnx")
    artifact.write_bytes(artifact.read_bytes()[:-1])
    assert story_of(run_job(replace(job, recipe=recipe))) == story_of(first)
    for entry in folder.glob("*/*.json"):
        entry.write_text("{}")
    (folder / "source.onnx").write_bytes(b"something else")
    assert story_of(run_job(replace(job, recipe=recipe))) == story_of(first)
    assert time.time() - artifact.stat().st_mtime < 60
