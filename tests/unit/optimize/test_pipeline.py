"""The same in worker processes: crashes cost a variant, hostile models cost nothing, workers are not believed."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize import pipeline
from edgeyard.optimize.import_check import MODEL_FILE, ImportFacts, check_import
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.pipeline import import_in_worker, inspect_in_worker, optimize_in_worker
from edgeyard.optimize.request import OptimizeRequest
from edgeyard.optimize.result_folder import load_result
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.session import Session
from edgeyard.optimize.worker_answer import JobCancelledError, WorkerCrashError, WorkerLimits
from edgeyard.resource import resource_path
from tests.unit.optimize import pass_bad, toy_model


def test_a_worker_does_the_same_as_this_process(toy: OptimizeRequest, tmp_path: Path) -> None:
    seen = list[Progress]()
    result = optimize_in_worker(toy, on_progress=seen.append)
    here = pipeline.optimize_version(replace(toy, out_dir=tmp_path / "here"))
    assert [variant.sha256 for variant in result.variants] == [variant.sha256 for variant in here.variants]
    assert load_result(toy.out_dir) == result
    assert all(variant.path.parent == toy.out_dir and variant.path.is_file() for variant in result.variants)
    assert [progress.stage for progress in (seen[0], seen[-1])] == ["worker", "done"]
    assert not list(tmp_path.glob(".*"))


def test_paths_may_be_relative(toy: OptimizeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = replace(toy, source=Path("toy.onnx"), evaluation=Path("evaluation.npz"), out_dir=Path("out"))
    assert optimize_in_worker(request).variants[0].path == tmp_path / "out" / "fp32.onnx"


@pytest.mark.parametrize(
    ("stand_in", "words"),
    [
        (pass_bad.optimize_with_crash, "SIGSEGV"),
        (pass_bad.optimize_with_memory_eater, "out of memory"),
    ],
)
def test_a_pass_that_kills_its_worker_is_left_out(
    toy: OptimizeRequest, monkeypatch: pytest.MonkeyPatch, stand_in: object, words: str
) -> None:
    monkeypatch.setattr(pipeline, "optimize_version", stand_in)
    result = optimize_in_worker(toy)
    (rejected,) = result.rejected
    assert rejected.name == "fp16"
    assert words in rejected.reason
    assert result.picked["jetson-orin-nano"] == "fp32"


def test_a_file_that_is_not_what_the_worker_reported_is_not_kept(
    toy: OptimizeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(tmp_path.iterdir())
    monkeypatch.setattr(pipeline, "optimize_version", pass_bad.optimize_and_lie)
    with pytest.raises(WorkerCrashError, match="fp16 is not the one"):
        optimize_in_worker(toy)
    assert set(tmp_path.iterdir()) == before


def test_files_that_the_worker_did_not_report_are_not_kept(
    toy: OptimizeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "optimize_version", pass_bad.optimize_and_stray)
    optimize_in_worker(toy)
    assert not (toy.out_dir / "extra.onnx").exists()
    assert not (toy.out_dir / "link").is_symlink()


def test_cancelling_kills_the_worker_and_leaves_nothing(
    toy: OptimizeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(tmp_path.iterdir())
    monkeypatch.setattr(pipeline, "optimize_version", pass_bad.optimize_slowly)
    cancel = threading.Event()

    def listen(progress: Progress) -> None:
        if progress.stage == "pass:fp16":
            cancel.set()

    with pytest.raises(JobCancelledError):
        optimize_in_worker(toy, cancel=cancel, on_progress=listen)
    assert set(tmp_path.iterdir()) == before


def test_what_a_killed_process_left_is_removed_by_the_next(toy: OptimizeRequest, tmp_path: Path) -> None:
    left_over = tmp_path / ".out.partial-abc"
    (left_over / "result").mkdir(parents=True)
    optimize_in_worker(toy)
    assert not left_over.exists()


def test_refusals_come_through_with_their_words(toy: OptimizeRequest, tmp_path: Path) -> None:
    toy.source.write_bytes(b"no model")
    with pytest.raises(UserError, match="not an ONNX file"):
        optimize_in_worker(toy)
    with pytest.raises(UserError, match="not an ONNX file"):
        inspect_in_worker(toy.source)
    assert not toy.out_dir.exists()


def test_inspection_in_a_worker_gives_the_same_summary(toy: OptimizeRequest) -> None:
    assert inspect_in_worker(toy.source) == inspect_model(toy.source)


def load(path: Path) -> int:
    """What inspection prevents: give the file to onnxruntime as it is."""
    Session(path)
    return 1


def run_once(path: Path) -> int:
    import numpy as np

    Session(path).run(np.zeros((1, 4), np.float32))
    return 1


def test_the_model_that_kills_onnxruntime_ends_as_a_refusal(tmp_path: Path) -> None:
    path = toy_model.save(toy_model.depth_to_space(), tmp_path / "m.onnx")
    assert path.stat().st_size < 200
    with pytest.raises(UserError, match="checker refuses"):
        inspect_in_worker(path)
    # Were it loaded all the same, it would cost the worker and no more; newer runtimes may refuse it themselves.
    with pytest.raises(UserError, match=r"SIGFPE|cannot run the model"):
        run_in_worker(load, path)


def test_the_model_that_eats_memory_ends_as_a_refusal(tmp_path: Path) -> None:
    path = toy_model.save(toy_model.exploding_shape(), tmp_path / "m.onnx")
    with pytest.raises(UserError, match=r"2\.3 GiB"):
        inspect_in_worker(path)
    with pytest.raises(Exception, match=r"(?i)memory|alloc"):
        run_in_worker(run_once, path, limits=WorkerLimits(memory_bytes=1 << 30))


def test_an_import_leaves_the_model_and_three_sets(tmp_path: Path) -> None:
    out_dir = tmp_path / "in"
    out_dir.mkdir()
    facts = import_in_worker(resource_path("demo", "yard-vision-1.onnx"), resource_path("demo"), out_dir, 1)
    assert {path.name for path in out_dir.iterdir()} == {
        MODEL_FILE, "golden.npz", "evaluation.npz", "calibration.npz",
    }  # fmt: skip
    assert facts.samples == {"golden": 300, "evaluation": 500, "calibration": 300}
    assert (out_dir / MODEL_FILE).read_bytes() == resource_path("demo", "yard-vision-1.onnx").read_bytes()


def stray_import(model: Path, data: Path, out_dir: Path, seed: int) -> ImportFacts:
    facts = check_import(model, data, out_dir, seed)
    (out_dir / "extra").mkdir()
    (out_dir / "link").symlink_to("/etc/passwd")
    (out_dir / "golden.npz").unlink()
    (out_dir / "golden.npz").symlink_to("/etc/passwd")
    return facts


def test_links_and_strange_files_of_a_worker_are_not_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "check_import", stray_import)
    with pytest.raises(WorkerCrashError, match="did not leave the files"):
        import_in_worker(resource_path("demo", "yard-vision-1.onnx"), resource_path("demo"), tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == {MODEL_FILE, "evaluation.npz", "calibration.npz"}


def test_a_program_that_imports_this_does_not_pay_for_onnx() -> None:
    modules = "pipeline, request, summary, package, passes, worker_pool, import_check"
    script = f"import sys\nfrom edgeyard.optimize import {modules}\nprint({{'onnx', 'onnxruntime'}} & set(sys.modules))"
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_an_import_with_external_data_is_refused_even_when_it_is_linked_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(1000))
    package, out_dir = tmp_path / "package", tmp_path / "in"
    package.mkdir()
    out_dir.mkdir()
    os.link(tmp_path / "secret", package / "weights.bin")
    path = toy_model.save(toy_model.external_data(), package / "m.onnx")
    with pytest.raises(UserError, match="other files"):
        import_in_worker(path, resource_path("demo"), out_dir, 1)
