"""The last bounds before a row: text cut to its column's use, numbers that both databases can hold."""

from __future__ import annotations

import math

NAME_CHARACTERS = 128
"""Names, ids, states, versions, codes."""
TEXT_CHARACTERS = 500
"""Reasons and other sentences."""
LINE_CHARACTERS = 2000
"""One line of a log."""

_MAX_INTEGER = (1 << 63) - 1


def bound(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """`text` with at most `limit` characters, without what PostgreSQL refuses in text (NUL, lone surrogates)."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def bound_name(text: str) -> str:
    """`text` cut for a column of short names."""
    return bound(text, NAME_CHARACTERS)


def finite(number: float | None) -> float | None:
    """`number`, or `None` for NaN and infinities: SQLite and PostgreSQL disagree on them."""
    return number if number is not None and math.isfinite(number) else None


def natural(number: int | None) -> int | None:
    """`number` within 0..2^63 - 1, the range of a BIGINT column."""
    return None if number is None else max(0, min(int(number), _MAX_INTEGER))
