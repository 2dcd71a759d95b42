"""The time that is surely past: a clock before it is wrong, however it came to be."""

from __future__ import annotations

from pathlib import Path

from edgeyard.trust.durable_file import write_durably

BUILD_TIME = 1_795_219_200.0
"""2026-11-21T00:00:00Z; raised with each release."""

_FAR_FUTURE = 4_102_444_800.0
"""2100-01-01: a floor beyond it can only be damage, and would block updates for good."""
_BEHIND_S = 3600.0
"""A clock this far before the floor is wrong; less may be the hub's clock going ahead."""
_MAX_BYTES = 64


class TimeFloor:
    """`max(build time, last signed time seen)`, persisted in a file; a damaged file falls back to the build time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._floor = self._read()

    def effective(self, clock_now: float) -> float:
        """The time to judge expiry by: the clock (Unix seconds), or the floor where the clock lies before it."""
        return max(clock_now, self._floor)

    def is_behind(self, clock_now: float) -> bool:
        """Whether the clock is surely wrong, so that it cannot judge certificates either (`client_context`)."""
        return clock_now < self._floor - _BEHIND_S

    def raise_to(self, signed_time: float) -> None:
        """Remember a signed time (Unix seconds); earlier ones and impossible ones are ignored. Raises `OSError`."""
        if self._floor < signed_time < _FAR_FUTURE:
            write_durably(self._path, repr(signed_time).encode())
            self._floor = signed_time

    def _read(self) -> float:
        try:
            with self._path.open("rb") as file:
                value = float(file.read(_MAX_BYTES))
        except (OSError, ValueError):
            return BUILD_TIME
        return value if BUILD_TIME < value < _FAR_FUTURE else BUILD_TIME
