"""Dividing a set of devices into waves."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence

from edgeyard.domain.error import UserError


def check_percents(percents: Sequence[int]) -> tuple[int, ...]:
    """Return cumulative wave percents if they rise from above 0 to exactly 100; raise `UserError` otherwise."""
    rising = all(earlier < later for earlier, later in itertools.pairwise(percents))
    if not percents or not rising or percents[0] < 1 or percents[-1] != 100:
        raise UserError(
            f"The waves {', '.join(map(str, percents)) or '(none)'} cannot be used.",
            "Give rising percentages that end with 100, such as 10, 50, 100.",
        )
    return tuple(percents)


def plan_waves(device_ids: Sequence[str], percents: Sequence[int], seed: str) -> list[list[str]]:
    """Divide devices into waves of cumulative `percents`; deterministic in `seed`, whatever the order they come in.

    The first wave has at least one device; a wave that would be empty is left out, so a list may be shorter than
    `percents`. Which devices go first is pseudo-random, so that no device is always the canary.
    """
    check_percents(percents)
    ordered = sorted(device_ids, key=lambda device: (hashlib.sha256(f"{seed}\0{device}".encode()).digest(), device))
    waves: list[list[str]] = []
    begin = 0
    for percent in percents:
        end = math.ceil(len(ordered) * percent / 100)
        if end > begin:
            waves.append(ordered[begin:end])
            begin = end
    return waves
