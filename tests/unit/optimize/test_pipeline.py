"""Inspection and import in worker processes: hostile models cost nothing, and workers are not believed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize import pipeline
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.import_check import MODEL_FILE, ImportFacts, check_import
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.pipeline import import_in_worker, inspect_in_worker
from edgeyard.optimize.runtime.onnx_session import OnnxSession
from edgeyard.optimize.sandbox import run_in_worker
from edgeyard.optimize.worker_answer import WorkerCrashError, WorkerLimits
from edgeyard.resource import resource_path
from tests.unit.optimize import toy_model


def test_refusals_come_through_with_their_words(toy: OptimizeJob) -> None:
    toy.source.write_bytes(b"no model")
    with pytest.raises(UserError, match="not an ONNX file"):
        inspect_in_worker(toy.source)


def test_inspection_in_a_worker_gives_the_same_summary(toy: OptimizeJob) -> None:
    assert inspect_in_worker(toy.source) == inspect_model(toy.source)


def load(path: Path) -> int:
    """What inspection prevents: give the file to onnxruntime as it is."""
    OnnxSession(path)
    return 1


def run_once(path: Path) -> int:
    import numpy as np

    OnnxSession(path).run(np.zeros((1, 4), np.float32))
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
    modules = "pipeline, summary, package, passes, import_check, engine.run_job, recipe.read"
    names = ", ".join(f"edgeyard.optimize.{name}" for name in modules.split(", "))
    script = f"import sys, {names}\nprint({{'onnx', 'onnxruntime'}} & set(sys.modules))"
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
