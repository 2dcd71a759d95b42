"""One loop: posts in order, timers in time, nothing lost but what may be."""

from __future__ import annotations

import threading
import time

import pytest

from edgeyard.agent import event_loop
from edgeyard.agent.backoff import Backoff
from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.worker import Worker


def test_posts_of_other_threads_are_called_in_order_and_timers_when_they_are_due() -> None:
    loop, called = EventLoop(), []
    loop.call_later(0.10, lambda: called.append("late"))
    loop.call_later(0.05, lambda: called.append("early"))
    loop.call_later(0.07, lambda: called.append("never")).cancel()
    loop.call_later(0.15, loop.stop)
    threading.Thread(target=lambda: [loop.post(lambda n=n: called.append(n)) for n in range(3)]).start()
    loop.run()
    assert called == [0, 1, 2, "early", "late"]


def test_a_period_comes_again_and_again() -> None:
    loop, called = EventLoop(), []
    loop.call_every(0.02, lambda: called.append(1), jitter=0.2)
    loop.call_later(0.2, loop.stop)
    loop.run()
    assert 5 <= len(called) <= 13


def test_what_a_call_raises_comes_out() -> None:
    loop = EventLoop()

    def fail() -> None:
        raise KeyError("bug")

    loop.post(fail)
    with pytest.raises(KeyError, match="bug"):
        loop.run()


def test_droppable_posts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "MAX_WAITING", 5)
    loop, called = EventLoop(), []
    for n in range(10):
        loop.post(lambda n=n: called.append(n), droppable=True)
    loop.post(lambda: called.append("kept"))
    loop.stop()
    loop.run()
    assert called == [0, 1, 2, 3, 4, "kept"]
    assert loop.lost == 5


def test_a_worker_hands_results_and_errors_to_the_loop() -> None:
    loop, heard = EventLoop(), []
    worker = Worker(loop, "test")
    worker.submit(lambda: threading.current_thread().name, heard.append, heard.append)
    worker.submit(lambda: 1 // 0, heard.append, lambda error: heard.append(type(error)))
    worker.submit(lambda: time.sleep(0.05), lambda _: loop.stop(), heard.append)
    loop.run()
    worker.stop(1.0)
    assert heard == ["test", ZeroDivisionError]


def test_delays_double_to_a_bound_and_differ() -> None:
    backoff = Backoff(1.0, 8.0)
    delays = [backoff.next_delay_s() for _ in range(6)]
    for delay, base in zip(delays, (1, 2, 4, 8, 8, 8), strict=True):
        assert 0.5 * base <= delay <= 1.5 * base
    backoff.reset()
    assert backoff.next_delay_s() <= 1.5
    assert len({Backoff(1.0, 8.0).next_delay_s() for _ in range(20)}) == 20
