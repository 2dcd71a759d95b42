"""The active model is kept running: in a real process, started again when it ends, killed when it hangs."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from edgeyard.agent import serving as serving_module
from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.metrics import Metrics
from edgeyard.agent.serving import Serving
from edgeyard.agent.slots import Slots
from edgeyard.agent.update_state import Target
from tests.unit.agent import toy_model
from tests.unit.agent.test_slots import part_file, sha
from tests.unit.agent.update_world import make_target

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


class Stage:
    """A serving over real slots, and the loop it lives in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = EventLoop()
        self.slots = Slots(folder / "slots")
        self.slots.recover()
        self.metrics = Metrics(0.0)
        samples, _ = toy_model.samples(20)
        (folder / "live.npz").write_bytes(toy_model.npz(x=samples))
        self.serving = Serving(
            self.loop,
            self.slots,
            self.metrics,
            folder / "log",
            input_path=folder / "live.npz",
            rate_hz=50,
            window_s=0.1,
        )
        self.broke: list[tuple[str, bool]] = []
        self.serving.on_broke = lambda reason, crashed: self.broke.append((reason, crashed))

    def put(self, model: bytes) -> None:
        target = target_of(model)
        self.slots.stage(target, part_file(self.folder, model))
        self.slots.switch(target.digest)

    def until(self, condition: Callable[[], object], timeout_s: float = 15.0) -> None:
        """Run the loop until something holds."""
        deadline = time.monotonic() + timeout_s

        def look() -> None:
            if condition() or time.monotonic() > deadline:
                self.loop.stop()
            else:
                self.loop.call_later(0.02, look)

        self.loop._stopped = False
        self.loop.call_later(0.0, look)
        self.loop.run()
        assert condition()

    @property
    def pid(self) -> int:
        runner = self.serving._runner
        return runner.pid if runner else 0


def target_of(model: bytes) -> Target:
    base = make_target(1, "x")
    release = changed(base.release, input_name="x", input_shape=toy_model.INPUT_SHAPE, output_name="y")
    return changed(base, digest=sha(model), size_bytes=len(model), release=release)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.serving.stop()


def test_the_active_model_runs_and_another_takes_its_place(stage: Stage) -> None:
    stage.put(toy_model.linear_model())
    stage.serving.run_active()
    stage.until(lambda: stage.metrics.inferences_total > 5)
    first = stage.pid
    stage.serving.run_active()
    assert stage.pid == first
    stage.put(toy_model.linear_model(note="two"))
    stage.serving.run_active()
    assert stage.pid != first
    before = stage.metrics.inferences_total
    stage.until(lambda: stage.metrics.inferences_total > before + 5)
    assert stage.broke == []


def test_a_crashed_runner_is_started_again(stage: Stage) -> None:
    stage.put(toy_model.linear_model())
    stage.serving.run_active()
    stage.until(lambda: stage.metrics.inferences_total)
    first = stage.pid
    os.kill(first, signal.SIGKILL)
    stage.until(lambda: stage.pid not in {0, first})
    assert stage.broke == [("The model's process was ended by SIGKILL.", True)]
    before = stage.metrics.inferences_total
    stage.until(lambda: stage.metrics.inferences_total > before)
    assert stage.serving.problem == ""


def test_a_runner_that_hangs_is_killed_and_started_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "SILENT_S", 0.8)
    stage.put(toy_model.linear_model())
    stage.serving.run_active()
    stage.until(lambda: stage.metrics.inferences_total)
    first = stage.pid
    os.kill(first, signal.SIGSTOP)
    stage.loop.call_every(0.1, stage.serving.check)
    stage.until(lambda: stage.pid not in {0, first})
    assert stage.broke == [("The model gave no answer for 0.8 s.", True)]


def test_a_model_that_cannot_be_loaded_is_told_and_tried_less_and_less_often(stage: Stage) -> None:
    stage.put(b"this is no model")
    stage.serving.run_active()
    stage.until(lambda: len(stage.broke) >= 2)
    assert all("cannot load" in reason and not crashed for reason, crashed in stage.broke)
    assert "cannot load" in stage.serving.problem


def test_without_an_active_model_nothing_runs(stage: Stage) -> None:
    stage.serving.run_active()
    assert (stage.pid, stage.serving.digest) == (0, "")
