"""One kind of thing that is read again whenever it changed, and handed to the window as whole snapshots."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from edgeyard.domain.error import UserError
from edgeyard.store.database import Connection

Read = Callable[[Connection, float], Any]


class _Unchanged:
    """See `UNCHANGED`."""


UNCHANGED = _Unchanged()
"""What a read returns when there is nothing new: the feed stays silent."""


class Feed(QObject):
    """Lives on the window's thread. `latest` is `None` until the first snapshot arrived."""

    arrived = Signal(object)
    failed = Signal(object)
    """`UserError`: it could not be read this time; the bridge tries again."""

    def __init__(self, close: Callable[[Feed], None], refresh: Callable[[Feed], None]) -> None:
        super().__init__()
        self.latest: Any = None
        self.latest_at = 0.0
        self._close = close
        self._refresh = refresh

    def refresh(self) -> None:
        """Read again as soon as possible, changed or not."""
        self._refresh(self)

    def close(self) -> None:
        """Stop reading; nothing arrives any more."""
        self._close(self)

    def deliver(self, value: Any, at: float) -> None:
        """Called by the bridge on the window's thread."""
        if isinstance(value, UserError):
            self.failed.emit(value)
            return
        self.latest, self.latest_at = value, at
        self.arrived.emit(value)


@dataclass(slots=True)
class Order:
    """What the reader thread knows of a feed: when to read, and what it saw last time."""

    name: str
    read: Read
    topics: Collection[str]
    every_s: float | None
    due_at: float = 0.0
    seen: dict[str, int] = field(default_factory=dict)

    def is_due(self, counters: dict[str, int], now: float) -> bool:
        """Whether one of its topics changed since, or its time has come."""
        if now >= self.due_at:
            return True
        return any(self.seen.get(topic) != counters.get(topic) for topic in self.topics)

    def mark_read(self, counters: dict[str, int], now: float) -> None:
        """Remember what this reading has seen."""
        self.seen = {topic: counters.get(topic, 0) for topic in self.topics}
        self.due_at = float("inf") if self.every_s is None else now + self.every_s
