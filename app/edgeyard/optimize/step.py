"""What a pass declares about itself, what it is given, and what it gives back. A recipe is a graph of steps, each one
pass with its settings; passes are registered in `passes`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.summary import ModelSummary

Shared = TypeVar("Shared")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what a pass can be told. Every field has a default, bounds and a description in its `msgspec.Meta`:
    recipes are validated, documented and shown from that, and the cache key is made of it."""


@dataclass(frozen=True, slots=True)
class Trait:
    """What an artifact is, as far as hardware cares.

    `precision` is a word of `HardwareProfile.precisions`; `form` the layout of int8 (`HardwareProfile.int8_form`) or
    empty; `file_format` is `onnx`, `ort`, `tflite`, `openvino` (an uncompressed ZIP of the .xml and .bin) or
    `coreml`; `runtime` is what runs it (`onnxruntime`, `openvino`, `litert`, …).
    """

    precision: str = "fp32"
    form: str = ""
    file_format: str = "onnx"
    runtime: str = "onnxruntime"


class Memo:
    """What the steps of one job begin with alike, such as a calibration, so that it is computed once.

    Only in memory, and only the last `most`: a step makes the same bytes without it. What is kept must not be changed.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._kept: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Shared]) -> Shared:
        """What was made for this key before, or what `make` gives now. The key holds everything that decides it."""
        found: Shared = self._kept.pop(key) if key in self._kept else make()
        if self._most:
            self._kept[key] = found
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return found


@dataclass(frozen=True, slots=True)
class StepInput:
    """What a pass works on.

    `calibration` never shares a sample with what artifacts are judged by; it has labels when the data has them.
    `original` is the model that the job began with, where a pass may learn from it. `memo` is the job's.
    An anytime pass returns its best when `budget_s` is over. `seed` decides every random draw; `threads` may
    run at once. `tell` takes the
    fraction done, 0 to 1, and a sentence for people, and raises when the job was cancelled.
    """

    source: Path
    summary: ModelSummary
    trait: Trait
    calibration: Dataset | None
    scratch: Path
    seed: int = 0
    budget_s: float = 60.0
    threads: int = 1
    memory_bytes: int = 2 << 30
    original: Path | None = None
    memo: Memo = field(default_factory=Memo)
    tell: Callable[[float, str], None] = lambda _fraction, _text: None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """How a run went; the file itself is what gets measured. `figures` are what charts and reports show of it."""

    notes: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    """JSON types only."""
    complete: bool = True
    """False when the budget of time ended a search early: with more time the result could be better."""


class Pass(Protocol):
    """One way to make an artifact of another. The same input, settings, seed and tools give the same bytes.

    A pass may have two more attributes. `anytime = True`: it is begun however little time is left, since it stops when
    `StepInput.budget_s` is over. `sidecar`: the name of the sidecar that does its work (`sidecar.sidecar_pass`).
    """

    kind: ClassVar[str]
    """Stable name in recipes: `int8-static`."""
    title: ClassVar[str]
    """For people: `Static int8`."""
    text: ClassVar[str]
    """One or two sentences: what it does and when it helps. The documentation is made of it."""
    settings_type: ClassVar[type[Settings]]

    def trait(self, settings: Any, source: Trait) -> Trait:
        """What comes out when an artifact of trait `source` goes in."""

    def obstacle(self, settings: Any, given: StepInput) -> str:
        """Why it cannot run on this input, in one sentence; empty when it can."""

    def cost_s(self, settings: Any, summary: ModelSummary, samples: int) -> float:
        """About how many seconds it takes on one core, from the model's multiply-adds and parameters."""

    def run(self, settings: Any, given: StepInput, out: Path) -> StepOutput:
        """Write the artifact to `out`. May raise anything: the job goes on without it."""
