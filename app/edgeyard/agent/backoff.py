"""Waiting longer after each failure, and never in step with other devices."""

from __future__ import annotations

import random


class Backoff:
    """Delays in seconds that double from `first_s` to `most_s`, each times a random 0.5..1.5."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def next_delay_s(self) -> float:
        """How long to wait after one more failure."""
        delay_s = self._next_s * random.uniform(0.5, 1.5)
        self._next_s = min(self._next_s * 2, self._most_s)
        return delay_s

    def reset(self) -> None:
        """Something went well."""
        self._next_s = self._first_s
