"""Passes that go wrong, and workers that use them, or that lie, instead of the real one."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from edgeyard.optimize.engine import step_key
from edgeyard.optimize.engine import work as work_module
from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.engine.task import WorkReport, WorkTask
from edgeyard.optimize.engine.work import work
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.recipe.recipe import Recipe, RecipeStep
from edgeyard.optimize.sidecar.message import SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

Way = Literal["raise", "crash", "memory", "hang", "disk", "rubbish", "link", "slow", "copy", "obstacle", "nan"]


class BadSettings(Settings, frozen=True):
    how: Annotated[Way, Meta(description="what goes wrong")] = "raise"


class BadPass:
    """Goes wrong as it is told; `copy` and `slow` make a copy of their source."""

    kind: ClassVar[str] = "bad"
    title: ClassVar[str] = "Bad pass"
    text: ClassVar[str] = "Goes wrong."
    settings_type: ClassVar[type[Settings]] = BadSettings

    def trait(self, settings: BadSettings, source: Trait) -> Trait:
        return source

    def obstacle(self, settings: BadSettings, given: StepInput) -> str:
        if settings.how == "obstacle":
            raise KeyError("a bug in the pass")
        return ""

    def cost_s(self, settings: BadSettings, summary: ModelSummary, samples: int) -> float:
        return 1.0 / (settings.how != "obstacle")

    def run(self, settings: BadSettings, given: StepInput, out: Path) -> StepOutput:
        match settings.how:
            case "raise":
                out.write_bytes(b"half")
                raise ValueError("no such operator")
            case "crash":
                signal.pthread_kill(threading.get_ident(), signal.SIGSEGV)
            case "memory":
                bytearray(1 << 40)
            case "hang":
                time.sleep(60)
            case "disk":
                raise OSError(28, "No space left on device")
            case "rubbish":
                out.write_bytes(os.urandom(100))
            case "link":
                out.symlink_to("/etc/passwd")
            case "nan":
                out.write_bytes(_with_nan(given.source))
            case "copy" | "slow":
                for step in range(20 if settings.how == "slow" else 0):
                    given.tell(step / 20, "copying slowly")
                    time.sleep(0.05)
                out.write_bytes(given.source.read_bytes() + b"\x62\x00")  # an empty doc_string more
        return StepOutput((f"Went {settings.how}.",))


def _with_nan(source: Path) -> bytes:
    import numpy as np
    import onnx

    model = onnx.load(source)
    bias = model.graph.initializer[-1]
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(tuple(bias.dims), np.nan, np.float32), bias.name))
    return bytes(model.SerializeToString())


def bad_recipe(*ways: str) -> Recipe:
    return Recipe(tuple(RecipeStep(how, "bad", settings={"how": how}) for how in ways))


def put_bad_pass() -> None:
    PASSES["bad"] = BadPass()


def work_badly(task: WorkTask, on_event: Callable[[Event], None]) -> WorkReport:
    """The worker with the bad pass, and little patience."""
    put_bad_pass()
    work_module._PATIENCE, work_module._PATIENCE_S = 0.0, 4.0
    return work(task, on_event)


def work_and_lie(task: WorkTask, on_event: Callable[[Event], None]) -> WorkReport:
    """What a worker that a model has taken over could do: change a file after it was hashed."""
    report = work(task, on_event)
    (path,) = (candidate.path for candidate in report.candidates if candidate.name == "fp16")
    path.write_bytes(b"something else")
    return report


def work_and_point_elsewhere(task: WorkTask, on_event: Callable[[Event], None]) -> WorkReport:
    """Or name a file that is not its own."""
    report = work(task, on_event)
    candidates: list[Any] = list(report.candidates)
    object.__setattr__(candidates[0], "path", task.job.source)
    return report


def work_and_babble(task: WorkTask, on_event: Callable[[Any], None]) -> WorkReport:
    """Or send what is no event."""
    on_event({"type": "nonsense"})
    return work(task, on_event)


class OutsidePass(SidecarPass):
    """Has its artifact made outside the jail."""

    kind: ClassVar[str] = "outside"
    title: ClassVar[str] = "Outside"
    text: ClassVar[str] = "Copies in a sidecar."
    settings_type: ClassVar[type[Settings]] = Settings
    sidecar: ClassVar[str] = "stand-in"

    def trait(self, settings: Settings, source: Trait) -> Trait:
        return source

    def obstacle(self, settings: Settings, given: StepInput) -> str:
        return ""

    def cost_s(self, settings: Settings, summary: ModelSummary, samples: int) -> float:
        return 0.1

    def prepare(self, settings: Settings, given: StepInput, folder: Path) -> SidecarRequest:
        (folder / "model.onnx").write_bytes(given.source.read_bytes())
        return SidecarRequest(sidecar=self.sidecar, inputs={"model": "model.onnx"}, output="made.onnx")


def work_with_sidecar(task: WorkTask, on_event: Callable[[Event], None]) -> WorkReport:
    """The worker with a pass whose sidecar is in no catalog."""
    PASSES["outside"] = OutsidePass()
    step_key._sidecar_version = lambda name: f"{name} 1"
    return work(task, on_event)
