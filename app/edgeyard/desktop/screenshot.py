"""Pictures of every view, light and dark, in two sizes, for the documentation: made on the real site that is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QDialog, QWidget

from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow

_FIRST_MS = 4000
_SETTLE_MS = 1600
_THEMES = (ThemeName.LIGHT, ThemeName.DARK)
_SIZES = ((1280, 800), (1920, 1080))


class _Photographer(QObject):
    def __init__(self, window: MainWindow, folder: Path, then: Callable[[], object]) -> None:
        super().__init__(window)
        self._window = window
        self._folder = folder
        self._then = then
        self._steps = self._walk()
        QTimer.singleShot(_FIRST_MS, self._next)

    def _next(self) -> None:
        if next(self._steps, None) is None:
            self._then()
        else:
            QTimer.singleShot(_SETTLE_MS, self._next)

    def _walk(self) -> Iterator[str]:
        """Each step shows a view; when it goes on, the view has had time to fill and is taken."""
        for width, height in _SIZES:
            self._window.resize(width, height)
            for theme in _THEMES:
                self._window.session.theme.apply(theme)
                ending = f"{theme.value}-{width}x{height}"
                for name, place in self._places():
                    self._window.go(place)
                    yield name
                    self._take(f"{name}-{ending}", self._window)
                self._window.go(Place("fleet"))
                self._window.toggle_jobs()
                yield "jobs"
                self._take(f"jobs-{ending}", self._window)
                self._window.toggle_jobs()
                plan = self._open_plan()
                if plan is not None:
                    yield "plan"
                    self._take(f"plan-{ending}", plan)
                    plan.reject()

    def _take(self, name: str, widget: QWidget) -> None:
        widget.grab().save(str(self._folder / f"{name}.png"))

    def _places(self) -> list[tuple[str, Place]]:
        feeds = self._window.session.feeds
        places = [(entry.id, Place(entry.id)) for entry in self._window.entries.values() if entry.in_rail]
        rollouts, models = feeds.rollouts.latest, feeds.models.latest
        if models:
            chosen = models[0].versions[0]
            subject = Place("models", f"{chosen.model}/{chosen.version}")
            places = [(name, subject if name == "models" else place) for name, place in places]
        if rollouts:
            newest = Place("rollouts", str(rollouts[0].rollout.id))
            places = [(name, newest if name == "rollouts" else place) for name, place in places]
        frame = feeds.fleet.latest
        if frame is not None and len(frame):
            worst = frame.devices[int(frame.status.argmin())].id
            places += [("fleet-device", Place("fleet", f"device:{worst}")), ("device", Place("device", worst))]
        return places

    def _open_plan(self) -> QDialog | None:
        """The plan of the newest version on the first group; nothing is started."""
        from edgeyard.desktop.plan.install import roll_out

        feeds = self._window.session.feeds
        models, groups = feeds.models.latest, feeds.groups.latest
        if not models or groups is None or not groups.views:
            return None
        self._window.go(Place("models"))
        return roll_out(self._window.desk, models[0].versions[0].id, groups.views[0].group.id)


def take_pictures(window: MainWindow, folder: Path, then: Callable[[], object]) -> None:
    """Go to every view, wait for its figures, save NAME-THEME-SIZE.png of each into `folder`; then call `then`."""
    # The pointer would light up whatever it happens to lie on.
    QCursor.setPos(0, 0)
    folder.mkdir(parents=True, exist_ok=True)
    _Photographer(window, folder, then)
