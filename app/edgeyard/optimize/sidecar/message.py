"""The contract of a sidecar: a request in JSON beside its input files, a reply in JSON beside the artifact.

Both are files in one folder, `request.json` and `reply.json`, so that a tool in any language can serve it. The tool may
keep `progress.json` there too. Nothing in a reply is believed before `run_sidecar` has looked at the file it names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from edgeyard.domain.error import UserError

CONTRACT = 1
REQUEST_FILE, REPLY_FILE, PROGRESS_FILE, LOG_FILE = "request.json", "reply.json", "progress.json", "log.txt"
MAX_REPLY_BYTES = 1 << 20
MAX_PROGRESS_BYTES = 4096

FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
"""A plain name: neither a path nor hidden."""
_Sentence = Annotated[str, msgspec.Meta(max_length=2000)]
_Word = Annotated[str, msgspec.Meta(max_length=200)]


class SidecarRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a sidecar is to do. `inputs` and `output` are names of files in the folder that the request lies in."""

    sidecar: _Word
    """A name of the catalog."""
    output: FileName
    inputs: dict[_Word, FileName] = {}
    """Meaning → file: `{"model": "model.onnx"}`."""
    settings: dict[str, Any] = {}
    seed: int = 0
    time_limit_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 600.0
    memory_bytes: Annotated[int, msgspec.Meta(gt=0)] = 4 << 30
    """Of all its processes together."""
    output_limit_bytes: Annotated[int, msgspec.Meta(gt=0)] = 1 << 30
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    program: str = ""
    """The vendor's program, found by the supervisor."""
    contract: int = CONTRACT


class ToolReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the tool itself answers."""

    status: Literal["done", "refused"]
    output: str = ""
    size_bytes: int = 0
    sha256: str = ""
    versions: Annotated[dict[_Word, _Word], msgspec.Meta(max_length=100)] = {}
    """Of the packages and programs that made the artifact."""
    notes: Annotated[list[_Sentence], msgspec.Meta(max_length=100)] = []
    figures: dict[_Word, Any] = {}
    what: _Sentence = ""
    todo: _Sentence = ""


class ToolProgress(msgspec.Struct, frozen=True):
    """How far the tool is; `fraction` from 0 to 1."""

    fraction: Annotated[float, msgspec.Meta(ge=0, le=1)]
    text: _Word = ""


@dataclass(frozen=True, slots=True)
class SidecarReply:
    """A verified artifact and how it was made. `output` lies in the folder; `log` is its beginning and its end."""

    output: str
    size_bytes: int
    sha256: str
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    log: str = ""
    duration_s: float = 0.0
    peak_bytes: int = 0


class SidecarError(UserError):
    """A sidecar made nothing that counts.

    `kind`: `missing` (environment or program), `refused` (by the tool), `time`, `memory`, `crash`, `answer` (no valid
    reply) or `output` (not what the reply says). `log` is what the tool printed last.
    """

    def __init__(self, kind: str, what: str, todo: str = "", log: str = "") -> None:
        super().__init__(what, todo)
        self.kind = kind
        self.log = log


def write_request(request: SidecarRequest, folder: Path) -> Path:
    """Write `request.json` and return its path."""
    path = folder / REQUEST_FILE
    path.write_bytes(msgspec.json.format(msgspec.json.encode(request)))
    return path


def read_reply(folder: Path) -> ToolReply:
    """Read `reply.json`; `SidecarError` of the kind `answer` when it is none."""
    try:
        return msgspec.json.decode(_read_bounded(folder / REPLY_FILE, MAX_REPLY_BYTES), type=ToolReply)
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reason = "it left none" if isinstance(error, FileNotFoundError) else str(error)[:200]
        raise SidecarError("answer", f"The tool gave no valid answer ({reason}).", "See its log.") from error


def read_progress(folder: Path) -> ToolProgress | None:
    """The tool's last word on how far it is; `None` when there is none that can be read."""
    try:
        return msgspec.json.decode(_read_bounded(folder / PROGRESS_FILE, MAX_PROGRESS_BYTES), type=ToolProgress)
    except (OSError, ValueError, RecursionError):
        return None


def _read_bounded(path: Path, limit_bytes: int) -> bytes:
    if path.is_symlink():
        raise ValueError("it is a link")
    with path.open("rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ValueError("it is too long")
    return data
