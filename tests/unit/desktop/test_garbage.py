"""Garbage is collected on the window's thread and nowhere else."""

from __future__ import annotations

import gc
import threading
import weakref

from pytestqt.qtbot import QtBot

from edgeyard.desktop.garbage import Garbage


class _Cycle:
    def __init__(self) -> None:
        self.me = self


def test_another_thread_never_collects(qtbot: QtBot) -> None:
    garbage = Garbage(loaded_after_ms=0)
    garbage.start()
    threads: list[str] = []
    gc.callbacks.append(lambda phase, info: threads.append(threading.current_thread().name))
    try:
        worker = threading.Thread(target=lambda: [_Cycle() for _ in range(20_000)])
        worker.start()
        worker.join()
        assert not threads
        qtbot.wait(20)
        lost = weakref.ref(_Cycle())
        qtbot.waitUntil(lambda: lost() is None)
        assert set(threads) == {threading.main_thread().name}
    finally:
        gc.callbacks.pop()
        garbage.stop()


def test_python_collects_by_itself_again_afterwards(qtbot: QtBot) -> None:
    garbage = Garbage()
    garbage.start()
    assert not gc.isenabled()
    garbage.stop()
    assert gc.isenabled()
