"""Numbers of things in words."""

from __future__ import annotations


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 device`, `12 devices`, `10,000 devices`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
