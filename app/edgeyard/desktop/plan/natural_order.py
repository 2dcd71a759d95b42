"""Names in the order people count them in."""

from __future__ import annotations

import re

NaturalOrder = tuple[tuple[int, str], ...]

_DIGITS = re.compile(r"(\d{1,12})")


def natural_order(name: str) -> NaturalOrder:
    """A sort key by which `press-9` comes before `press-10`."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name))
