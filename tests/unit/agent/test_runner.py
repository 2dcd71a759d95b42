"""The runner as a real process: what it measures, what it refuses, and how its ends are told."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from edgeyard.agent import runner_message as message
from edgeyard.agent.runner_client import RunnerProcess, limits_for
from edgeyard.domain.execution import TrialEvidence
from tests.e2e.hub_parts import eventually
from tests.unit.agent import toy_model


class Heard:
    """A runner and what it said."""

    def __init__(self, job: message.Job, folder: Path) -> None:
        self.answers: list[message.Answer] = []
        self.ended: list[str] = []
        self.done = threading.Event()
        self.process = RunnerProcess(job, folder / "runner.log", self.answers.append, self._on_end)

    def _on_end(self, reason: str) -> None:
        self.ended.append(reason)
        self.done.set()

    def all(self, timeout_s: float = 30.0) -> list[message.Answer]:
        assert self.done.wait(timeout_s)
        return self.answers

    def of(self, kind: type[Any]) -> list[Any]:
        return [answer for answer in self.answers if isinstance(answer, kind)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[message.Job], Heard]]:
    started: list[Heard] = []

    def start(job: message.Job) -> Heard:
        started.append(Heard(job, tmp_path))
        return started[-1]

    yield start
    for heard in started:
        heard.process.stop()


Start = Callable[[message.Job], Heard]


def model(folder: Path, data: bytes, name: str = "new", **changes: Any) -> message.ModelFile:
    path = folder / name / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(data)
    fields = {
        "path": str(path), "label": f"yard/2/{name}.onnx", "input_name": "x", "input_shape": toy_model.INPUT_SHAPE,
        "output_name": "y", "preprocessing": {},
    }  # fmt: skip
    return message.ModelFile(**(fields | changes))


def golden(folder: Path, data: bytes | None = None) -> str:
    path = folder / "golden.npz"
    path.write_bytes(toy_model.golden_set() if data is None else data)
    return str(path)


def measured(heard: Heard) -> TrialEvidence:
    answer = heard.all()[-1]
    assert isinstance(answer, message.Tested), answer
    return answer.evidence


# --- the self-test ---------------------------------------------------------------------------------------------------


def test_a_model_is_measured_beside_the_one_that_runs(tmp_path: Path, start: Start) -> None:
    new = model(tmp_path, toy_model.linear_model())
    old = model(tmp_path, toy_model.linear_model(wrong=True), "old")
    evidence = measured(start(message.Test(new, old, golden(tmp_path), 10.0)))
    assert evidence.samples == 200
    assert evidence.accuracy == 1.0
    assert evidence.previous_accuracy is not None
    assert evidence.previous_accuracy < 0.5
    assert evidence.agreement == evidence.previous_accuracy
    assert evidence.latency_p50_ms is not None
    assert evidence.latency_p95_ms is not None
    assert evidence.latency_p99_ms is not None
    assert 0 < evidence.latency_p50_ms <= evidence.latency_p95_ms <= evidence.latency_p99_ms
    assert evidence.previous_latency_p95_ms is not None


def test_the_first_model_of_a_device_is_measured_alone(tmp_path: Path, start: Start) -> None:
    evidence = measured(start(message.Test(model(tmp_path, toy_model.linear_model()), None, golden(tmp_path), 10.0)))
    assert evidence.accuracy == 1.0
    assert evidence.previous_accuracy is None
    assert evidence.agreement is None


def test_a_previous_model_of_another_kind_is_not_compared(tmp_path: Path, start: Start) -> None:
    old = model(tmp_path, toy_model.linear_model(features=9), "old", input_shape=[None, 9])
    new = model(tmp_path, toy_model.linear_model())
    evidence = measured(start(message.Test(new, old, golden(tmp_path), 10.0)))
    assert evidence.accuracy == 1.0
    assert evidence.previous_accuracy is None


def test_without_a_golden_set_the_model_only_has_to_load_and_answer(tmp_path: Path, start: Start) -> None:
    evidence = measured(start(message.Test(model(tmp_path, toy_model.linear_model()), None, "", 10.0)))
    assert evidence == TrialEvidence()


def test_a_large_golden_set_is_sampled_evenly(tmp_path: Path, start: Start) -> None:
    new = model(tmp_path, toy_model.linear_model())
    heard = start(message.Test(new, None, golden(tmp_path, toy_model.golden_set(5000)), 10.0))
    assert measured(heard).samples == 2000


def pickled_npz() -> bytes:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, ("touch /tmp/edgeyard-was-here",)

    return toy_model.npz(x=np.array([[pickle.dumps(Evil()), 1]], dtype=object), y=np.zeros(1, np.int64))


def bomb_npz(folder: Path) -> bytes:
    path = folder / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    return path.read_bytes()


X, Y = toy_model.samples(20)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"this is no zip file", "not an NPZ file"),
        (toy_model.npz(x=X), "no labels"),
        (toy_model.npz(z=X), "no samples in an array x"),
        (toy_model.npz(x=X[:, :3], y=Y), "gives samples of 3, but the model takes 4"),
        (toy_model.npz(x=X, y=Y[:5]), "labels of the golden set"),
        (toy_model.npz(x=X, y=Y - 5), "labels of the golden set"),
        (toy_model.npz(x=X.astype(str), y=Y), "are of the type"),
        (pickled_npz(), "pickles"),
        (toy_model.golden_set()[:-40], "not an NPZ file"),
    ],
)
def test_a_broken_golden_set_is_told_in_words(tmp_path: Path, start: Start, data: bytes, said: str) -> None:
    heard = start(message.Test(model(tmp_path, toy_model.linear_model()), None, golden(tmp_path, data), 10.0))
    answer = heard.all()[-1]
    assert isinstance(answer, message.Unusable)
    assert answer.part == "golden"
    assert said in answer.what
    assert heard.ended == [""]


def test_a_golden_set_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, start: Start) -> None:
    data = bomb_npz(tmp_path)
    heard = start(message.Test(model(tmp_path, toy_model.linear_model()), None, golden(tmp_path, data), 10.0))
    answer = heard.all()[-1]
    assert isinstance(answer, message.Unusable)
    assert "unpacks to over 256 MiB" in answer.what


@pytest.mark.parametrize(
    ("data", "changes", "said"),
    [
        (b"no onnx", {}, "cannot load"),
        (toy_model.linear_model(), {"input_name": "image"}, "'image'"),
        (toy_model.linear_model(), {"output_name": "logits"}, "no output 'logits'"),
        (toy_model.external_data_model("../secret.bin"), {}, "cannot load"),
        (toy_model.external_data_model("weights.bin"), {}, "cannot load"),
        (toy_model.not_a_number_model(), {}, "failed on every sample: the scores are no numbers"),
    ],
)
def test_an_unusable_model_is_told_in_words(
    tmp_path: Path, start: Start, data: bytes, changes: dict[str, Any], said: str
) -> None:
    (tmp_path / "secret.bin").write_bytes(toy_model.WEIGHTS.tobytes())
    heard = start(message.Test(model(tmp_path, data, **changes), None, golden(tmp_path), 10.0))
    answer = heard.all()[-1]
    assert isinstance(answer, message.Unusable)
    assert answer.part == "model"
    assert said in answer.what


def test_a_model_that_takes_the_process_down_is_named_by_what_was_being_done(tmp_path: Path, start: Start) -> None:
    new = model(tmp_path, toy_model.crashing_model())
    old = model(tmp_path, toy_model.linear_model(), "old")
    heard = start(message.Test(new, old, golden(tmp_path), 10.0))
    assert heard.all()[-1] == message.Progress("loading the new model")
    assert heard.ended == ["The model's process was ended by SIGFPE."]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_a_model_that_asks_for_gigabytes_is_refused_by_the_limit(tmp_path: Path, start: Start) -> None:
    data = toy_model.hungry_model()
    job = message.Test(model(tmp_path, data), None, golden(tmp_path), 10.0, limits_for(len(data)))
    answer = start(job).all()[-1]
    assert isinstance(answer, message.Unusable)
    assert answer.part == "model"


# --- serving ---------------------------------------------------------------------------------------------------------


def serve(tmp_path: Path, data: bytes, input_path: str | None = None, rate_hz: float = 50.0) -> message.Serve:
    if input_path is None:
        input_path = golden(tmp_path)
    return message.Serve(model(tmp_path, data), input_path, rate_hz, 0.2, limits_for(len(data)))


def test_the_model_runs_at_the_given_rate_and_windows_come(tmp_path: Path, start: Start) -> None:
    heard = start(serve(tmp_path, toy_model.linear_model()))
    eventually(lambda: len(heard.of(message.Window)) >= 5)
    assert isinstance(heard.answers[0], message.Loaded)
    windows = heard.of(message.Window)[1:]
    rate = sum(window.inferences for window in windows) / (0.2 * len(windows))
    assert 20 < rate < 60
    assert all(window.errors == 0 and len(window.latencies_ms) == window.inferences for window in windows)
    assert sum(windows[0].class_counts) == windows[0].inferences
    heard.process.stop()
    assert heard.ended == [""]


def test_errors_are_counted_with_the_last_one_in_words(tmp_path: Path, start: Start) -> None:
    heard = start(serve(tmp_path, toy_model.not_a_number_model()))
    eventually(lambda: any(window.errors for window in heard.of(message.Window)))
    window = heard.of(message.Window)[-1]
    assert window.errors == window.inferences
    assert "no numbers" in window.error


def test_samples_of_a_folder_are_taken_in_turn(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.npz").write_bytes(toy_model.npz(x=X))
    heard = start(serve(tmp_path, toy_model.linear_model(), str(folder)))
    eventually(lambda: any(window.inferences for window in heard.of(message.Window)))


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no input source"), ("missing", "cannot be read"), (toy_model.npz(x=X[:, :2]), "the model takes 4")],
)
def test_without_usable_input_the_device_waits_and_says_so(
    tmp_path: Path, start: Start, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / "input.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    heard = start(serve(tmp_path, toy_model.linear_model(), "" if content is None else str(path)))
    eventually(lambda: len(heard.of(message.Window)) >= 3)
    (answer,) = heard.of(message.NoInput)
    assert said in answer.what
    assert all(window.inferences == 0 for window in heard.of(message.Window))


def test_a_killed_runner_is_told_by_its_signal(tmp_path: Path, start: Start) -> None:
    heard = start(serve(tmp_path, toy_model.linear_model()))
    eventually(lambda: heard.of(message.Loaded))
    os.kill(heard.process.pid, signal.SIGKILL)
    heard.all()
    assert heard.ended == ["The model's process was ended by SIGKILL."]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such count")
def test_runners_that_come_and_go_leave_nothing_open(tmp_path: Path, start: Start) -> None:
    job = message.Test(model(tmp_path, b"no model"), None, "", 1.0)
    start(job).all()
    before = psutil.Process().num_fds(), threading.active_count()
    for _ in range(4):
        start(job).all()
    eventually(lambda: (psutil.Process().num_fds(), threading.active_count()) == before)


def test_a_runner_does_not_survive_the_agent(tmp_path: Path) -> None:
    """The agent here is a process of its own that is killed with SIGKILL."""
    job = serve(tmp_path, toy_model.linear_model())
    program = f"""
import sys, time, pathlib
from edgeyard.agent import runner_message as message
from edgeyard.agent.runner_client import RunnerProcess
from msgspec import msgpack
job = msgpack.decode(bytes.fromhex({message.msgspec.msgpack.encode(job).hex()!r}), type=message.Job)
process = RunnerProcess(job, pathlib.Path({str(tmp_path / "log")!r}), lambda a: None, lambda r: None)
print(process.pid, flush=True)
time.sleep(60)
"""
    agent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    pid = int(agent.stdout.readline())
    time.sleep(0.5)
    assert psutil.pid_exists(pid)
    agent.kill()
    agent.wait()
    agent.stdout.close()
    eventually(lambda: not psutil.pid_exists(pid), 5)


def test_nothing_is_written_by_telemetry(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    measured(start(message.Test(model(tmp_path, toy_model.linear_model()), None, golden(tmp_path), 10.0)))
    assert not (tmp_path / ".cache" / "Microsoft").exists()
    assert not list(tmp_path.glob(".*"))
