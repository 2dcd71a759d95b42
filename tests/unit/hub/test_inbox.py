"""The queue between network and ingest."""

import threading
import time

from edgeyard.hub.inbox import Inbox, Message


def message(size: int = 10) -> Message:
    return Message(1, 1, 1, "t", b"x" * size, 0.0)


def test_it_is_bounded_in_messages_and_in_bytes() -> None:
    inbox = Inbox(max_messages=2, max_bytes=100)
    assert inbox.put(message())
    assert inbox.put(message())
    assert not inbox.put(message())
    assert inbox.take(10, 0) == [message(), message()]
    assert not inbox.put(message(101))
    assert inbox.put(message(100))
    assert not inbox.put(message(1))
    assert inbox.refused == 3


def test_taking_gives_at_most_so_many_and_frees_their_bytes() -> None:
    inbox = Inbox(max_messages=10, max_bytes=30)
    for _ in range(3):
        inbox.put(message())
    assert len(inbox.take(2, 0)) == 2
    assert len(inbox) == 1
    assert inbox.put(message(20))


def test_taking_waits_for_the_first_message() -> None:
    inbox = Inbox()
    begun = time.monotonic()
    assert inbox.take(1, 0.1) == []
    assert time.monotonic() - begun >= 0.09
    threading.Timer(0.05, lambda: inbox.put(message())).start()
    assert len(inbox.take(1, 5)) == 1
