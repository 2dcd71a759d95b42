"""Structured columns as JSON text, read back into the types they were made from; unknown fields are left out."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


def to_text(value: Any) -> str:
    """The JSON text of a dataclass, a mapping or a sequence of them."""
    return msgspec.json.encode(value).decode()


def from_text(text: str, kind: type[T]) -> T:
    """Read `text` back as `kind` (a dataclass, or a generic such as `tuple[X, ...]`)."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return cast(T, decoder.decode(text))


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
