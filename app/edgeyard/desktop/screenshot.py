"""Pictures of every page in light and dark, for the documentation: made on the real site that is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow

_SETTLE_MS = 2500
_THEMES = (ThemeName.LIGHT, ThemeName.DARK)


class _Photographer(QObject):
    def __init__(self, window: MainWindow, folder: Path, then: Callable[[], object]) -> None:
        super().__init__(window)
        self._window = window
        self._folder = folder
        self._then = then
        self._steps = self._walk()
        QTimer.singleShot(_SETTLE_MS, self._next)

    def _next(self) -> None:
        if next(self._steps, None) is None:
            self._then()
        else:
            QTimer.singleShot(_SETTLE_MS, self._next)

    def _walk(self) -> Iterator[str]:
        for theme in _THEMES:
            self._window.session.theme.apply(theme)
            for name, place in self._places():
                self._window.go(place)
                yield name
                self._window.grab().save(str(self._folder / f"{name}-{theme.value}.png"))

    def _places(self) -> list[tuple[str, Place]]:
        places = [(entry.id, Place(entry.id)) for entry in self._window.entries.values() if entry.in_rail]
        frame = self._window.session.feeds.fleet.latest
        if frame is not None and len(frame):
            worst = frame.devices[int(frame.status.argmin())].id
            places += [("fleet-device", Place("fleet", f"device:{worst}")), ("device", Place("device", worst))]
        return places


def take_pictures(window: MainWindow, folder: Path, then: Callable[[], object]) -> None:
    """Go to every place, wait for its figures, save a PNG of each into `folder`; then call `then`."""
    folder.mkdir(parents=True, exist_ok=True)
    _Photographer(window, folder, then)
