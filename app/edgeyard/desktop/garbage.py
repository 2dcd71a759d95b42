"""Python's garbage collection on the window's thread only, a little at a time.

Python collects on whichever thread happens to allocate. An object of Qt that is part of a cycle would then be destroyed
on the reader's thread, where its timers cannot be stopped: they fire later, into freed memory. pyqtgraph's
`GarbageCollector` and calibre do the same for the same reason.
"""

from __future__ import annotations

import gc
from functools import cache

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 500
_MIDDLE_EVERY, _FULL_EVERY = 10, 600
"""The middle generation every 5 s, all of them every 5 min: 10,000 devices that reported take 2 and 7 ms."""
_LOADED_AFTER_MS = 5_000


class Garbage(QObject):
    """While one is started, Python collects nothing by itself in this process."""

    def __init__(self, loaded_after_ms: int = _LOADED_AFTER_MS) -> None:
        super().__init__()
        self._rounds = 0
        self._round = QTimer(self)
        self._round.setInterval(_EVERY_MS)
        self._round.timeout.connect(self._collect)
        self._loaded = QTimer(self)
        self._loaded.setSingleShot(True)
        self._loaded.setInterval(loaded_after_ms)
        self._loaded.timeout.connect(self._on_loaded)

    def start(self) -> None:
        """Collect on this thread from now on, once the start is over."""
        gc.disable()
        self._loaded.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._round.stop()
        self._loaded.stop()
        gc.enable()

    def _on_loaded(self) -> None:
        keep_what_is_loaded()
        self._round.start()

    def _collect(self) -> None:
        self._rounds += 1
        gc.collect(2 if self._rounds % _FULL_EVERY == 0 else 1 if self._rounds % _MIDDLE_EVERY == 0 else 0)


@cache
def keep_what_is_loaded() -> None:
    """Once per process: exempt modules, widgets and devices from collection, for they stay anyway.

    With 10,000 devices a full collection walked over them for 84 ms; 7 ms are left. A device that reports is replaced
    and freed as before, without the collector.
    """
    gc.freeze()
