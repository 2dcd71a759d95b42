"""What a supervising process and its worker say to each other: length-prefixed msgpack, typed on both sides.

The worker is not trusted (it has read a stranger's model), so nothing that it sends is ever unpickled: an answer is
decoded as the return type of the function that was called, and its length is bounded first.
"""

from __future__ import annotations

import importlib
import inspect
import struct
import typing
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import IO, Any

import msgspec

MAX_MESSAGE_BYTES = 64 << 20
_LENGTH = struct.Struct(">I")


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How far a job is. `fraction` runs from 0 to 1; `stage` is a stable word for programs, `text` is for people."""

    fraction: float
    text: str
    stage: str = ""


class Told(msgspec.Struct, frozen=True, tag="told"):
    """An event of the function's own, as it is; who called it knows its type."""

    event: msgspec.Raw


class Call(msgspec.Struct, frozen=True):
    """Which function to call, with what, and within which limits (`jail.enter_jail`)."""

    function: str
    arguments: list[msgspec.Raw]
    keywords: dict[str, msgspec.Raw]
    memory_bytes: int
    cpu_s: int
    file_bytes: int
    writable: list[str]
    parent_pid: int
    background: bool = False


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The function returned."""

    result: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The function raised a `UserError`."""

    what: str
    todo: str


class OutOfMemory(msgspec.Struct, frozen=True, tag="memory"):
    """The function ran into the memory limit and could still say so."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The function raised anything else: our bug, with its traceback."""

    traceback: str


Message = Progress | Told | Done | Refused | OutOfMemory | Broken


class FrameError(Exception):
    """What arrived is not a message."""


def encode(value: Any) -> bytes:
    """Encode an argument, a result or a message; paths become text, and absolute: a worker has its own folder."""
    return msgspec.msgpack.encode(value, enc_hook=_path_to_text)


def decode(data: bytes | msgspec.Raw, kind: Any) -> Any:
    """Decode as the type `kind`; raises `FrameError` when the bytes do not hold one."""
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_text_to_path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(str(error)) from error


def encode_json(value: Any) -> bytes:
    """As `encode`, for files that people may read."""
    return msgspec.json.encode(value, enc_hook=_path_to_text)


def decode_json(data: bytes, kind: Any) -> Any:
    """As `decode`, from JSON."""
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=_text_to_path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(str(error)) from error


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write one frame and flush it."""
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Read one frame; `None` at the end of the stream; `FrameError` when it is too long or cut."""
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else MAX_MESSAGE_BYTES + 1
    if length > MAX_MESSAGE_BYTES:
        raise FrameError("a message is longer than allowed")
    body = stream.read(length)
    if len(body) != length:
        raise FrameError("a message was cut short")
    return body


def function_name(function: Callable[..., Any]) -> str:
    """`module:name` of a module-level function; `ValueError` for anything a fresh interpreter could not find."""
    name = f"{function.__module__}:{function.__qualname__}"
    if "<" in name or "." in function.__qualname__:
        raise ValueError(f"{name} is not a function at the top level of a module")
    return name


def find_function(name: str) -> Callable[..., Any]:
    """The function of that `function_name`."""
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute)
    if not callable(function):
        raise TypeError(f"{name} is not a function")
    return typing.cast("Callable[..., Any]", function)


def result_type(function: Callable[..., Any]) -> Any:
    """The annotated return type."""
    return typing.get_type_hints(function)["return"]


def bind_arguments(
    function: Callable[..., Any], arguments: list[msgspec.Raw], keywords: dict[str, msgspec.Raw]
) -> tuple[list[Any], dict[str, Any]]:
    """Decode arguments by the function's annotations."""
    hints = typing.get_type_hints(function)
    names = list(inspect.signature(function).parameters)
    decoded = [decode(raw, hints[name]) for name, raw in zip(names, arguments, strict=False)]
    if len(decoded) != len(arguments):
        raise TypeError(f"{function.__qualname__} takes fewer than {len(arguments)} arguments")
    return decoded, {name: decode(raw, hints[name]) for name, raw in keywords.items()}


def _path_to_text(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(Path(value).absolute())
    raise NotImplementedError(f"{type(value).__name__} cannot cross to a worker")


def _text_to_path(kind: type, value: Any) -> Any:
    if issubclass(kind, PurePath) and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind.__name__} cannot cross from a worker")
