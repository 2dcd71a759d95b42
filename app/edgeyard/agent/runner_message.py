"""What agent and runner say to each other: length-prefixed MessagePack over the runner's standard input and output."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, TypeVar

import msgspec
from msgspec import Struct

from edgeyard.domain.execution import TrialEvidence
from edgeyard.domain.lab import LabFigures

MAX_FRAME_BYTES = 1 << 20
MAX_LATENCIES = 2000
"""Kept in one window; of more, the newest."""
_LENGTH = struct.Struct(">I")
_T = TypeVar("_T")


class ModelFile(Struct, frozen=True):
    """A model on disk, and how samples become its input."""

    path: str
    label: str
    input_name: str
    input_shape: list[int | None]
    output_name: str
    preprocessing: dict[str, Any]


class Limits(Struct, frozen=True):
    """What the runner gives up before it looks at a model; 0 is no limit."""

    memory_bytes: int = 0
    cpu_s: int = 0


class Serve(Struct, frozen=True, tag="serve"):
    """Run `model` on samples of `input_path` (empty: none), `rate_hz` times a second, until the input ends."""

    model: ModelFile
    input_path: str
    rate_hz: float
    window_s: float
    limits: Limits = Limits()


class Test(Struct, frozen=True, tag="test"):
    """Measure `candidate` on the golden set (empty: only load it), and `previous` beside it."""

    candidate: ModelFile
    previous: ModelFile | None
    golden_path: str
    budget_s: float
    limits: Limits = Limits()

    __test__ = False  # not for pytest


class Measure(Struct, frozen=True, tag="measure"):
    """Measure `candidate` beside `original` on labelled samples, `repetitions` times, once the device has warmed up."""

    candidate: ModelFile
    original: ModelFile
    samples_path: str
    repetitions: int
    settle_s: float
    repetition_s: float
    limits: Limits = Limits()


Job = Serve | Test | Measure


class Loaded(Struct, frozen=True, tag="loaded"):
    """The model is loaded and has answered once."""

    load_ms: float


class Window(Struct, frozen=True, tag="window"):
    """What happened since the last window. `errors` are counted in `inferences`."""

    inferences: int
    errors: int
    error: str
    latencies_ms: list[float]
    class_counts: list[int]
    memory_peak_bytes: int | None


class NoInput(Struct, frozen=True, tag="no_input"):
    """There is nothing to run the model on; the runner looks again from time to time."""

    what: str
    todo: str


class Progress(Struct, frozen=True, tag="progress"):
    """What the self-test does now, so that a crash can be named after it."""

    doing: str


class Tested(Struct, frozen=True, tag="tested"):
    """The self-test is done."""

    evidence: TrialEvidence


class Measured(Struct, frozen=True, tag="measured"):
    """The measuring is done."""

    figures: LabFigures


class Unusable(Struct, frozen=True, tag="unusable"):
    """`part` (`model` or `golden`) cannot be used, and why."""

    part: str
    what: str
    todo: str


Answer = Loaded | Window | NoInput | Progress | Tested | Measured | Unusable

JOBS: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


class FrameError(ValueError):
    """The other side sent something that is no frame of ours."""


def write_frame(stream: BinaryIO, message: Struct) -> None:
    """Send one message; raises `OSError` when the other side is gone."""
    data = msgspec.msgpack.encode(message)
    if len(data) > MAX_FRAME_BYTES:
        raise FrameError(f"message of {len(data)} bytes is over {MAX_FRAME_BYTES}")
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: BinaryIO, decoder: msgspec.msgpack.Decoder[_T]) -> _T | None:
    """Receive one message (`JOBS` or `ANSWERS`), or `None` at the end of the stream; raises `FrameError`."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"message of {length} bytes is over {MAX_FRAME_BYTES}")
    data = stream.read(length)
    if len(data) < length:
        return None
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        raise FrameError(str(error)) from error
