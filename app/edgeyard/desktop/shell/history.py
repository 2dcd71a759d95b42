"""Where a window has been: back and forward, as in a browser."""

from __future__ import annotations

from edgeyard.desktop.page import Place

MAX_PLACES = 100


class History:
    """Places in order of visit, and which of them is shown."""

    def __init__(self, start: Place) -> None:
        self._places = [start]
        self._at = 0

    @property
    def current(self) -> Place:
        """The place that is shown."""
        return self._places[self._at]

    def visit(self, place: Place) -> None:
        """Go somewhere new; what lay ahead is forgotten."""
        if place == self.current:
            return
        self._places = [*self._places[: self._at + 1], place][-MAX_PLACES:]
        self._at = len(self._places) - 1

    def can_go(self, steps: int) -> bool:
        """Whether there is a place that many steps on (negative: back)."""
        return 0 <= self._at + steps < len(self._places)

    def go(self, steps: int) -> Place:
        """Move that many steps and return the place there."""
        if self.can_go(steps):
            self._at += steps
        return self.current
