"""The worker's side of events: each gets the job's fraction and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.engine.task import WorkTask


@dataclass(slots=True)
class Teller:
    """`total_s` are the planned seconds of the whole job, `done_s` those that are behind us."""

    task: WorkTask
    on_event: Callable[[Event], None]
    total_s: float = 0.0
    done_s: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Since the job began, earlier workers included."""
        return self.task.elapsed_s + time.monotonic() - self._started

    @property
    def remaining_s(self) -> float:
        """What is left of the budget; below 0 when it is over."""
        return self.task.job.budget_s - self.elapsed_s

    def tell(self, event: Event, part_s: float = 0.0) -> None:
        """Send an event; `part_s` are planned seconds of what runs now."""
        fraction = min(0.99, (self.done_s + part_s) / self.total_s) if self.total_s else 0.0
        self.on_event(msgspec.structs.replace(event, fraction=fraction, at_s=self.elapsed_s))
