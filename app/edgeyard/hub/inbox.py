"""The bounded queue between the MQTT network thread and the ingest thread."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

MAX_MESSAGES = 20_000
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """One received message. `session` and `mid` say how to acknowledge it; `at` is Unix seconds."""

    session: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    at: float


class Inbox:
    """Never waits on the side of the network thread: what does not fit is refused there and then."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._ready = threading.Condition()
        self.refused = 0
        """How many messages did not fit since the start."""

    def put(self, message: Message) -> bool:
        """Append a message; `False` when the inbox is full."""
        with self._ready:
            size = len(message.payload)
            if len(self._messages) >= self._max_messages or self._bytes + size > self._max_bytes:
                self.refused += 1
                return False
            self._messages.append(message)
            self._bytes += size
            self._ready.notify()
            return True

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """The next messages, at most `most`; waits up to `timeout_s` for the first."""
        with self._ready:
            if not self._messages:
                self._ready.wait(timeout_s)
            count = min(most, len(self._messages))
            taken = [self._messages.popleft() for _ in range(count)]
            self._bytes -= sum(len(message.payload) for message in taken)
            return taken

    def __len__(self) -> int:
        return len(self._messages)
