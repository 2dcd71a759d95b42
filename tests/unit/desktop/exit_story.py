"""The application as `edgeyard desktop` runs it, used a little and then quit: run by `test_exit`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QTimer

from edgeyard.commands.settings import Settings
from edgeyard.desktop.app import make_application, run_desktop
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.main_window import MainWindow
from tests.unit.desktop.plan_desk import make_site

_LOOK_EVERY_MS = 20


def _use(window: MainWindow) -> Iterator[Callable[[], object]]:
    """Steps, each with what has to be true before the next."""
    feeds, models = window.session.feeds, window.page("models")
    assert isinstance(models, ModelsPage)
    yield lambda: feeds.models.latest is not None and feeds.fleet.latest is not None
    window.go(Place("models"))
    yield lambda: models.model.index_of("v:2").isValid()
    models.tree.choose("v:2")
    models.tree.copy_version()
    window.go(Place("device", "press-1"))
    second = window.session.open_window()
    yield second.isVisible


def _story(application_quits: Callable[[], None]) -> Callable[[], None]:
    """What a timer calls until the window was used, which then quits."""
    steps: list[Iterator[Callable[[], object]]] = []
    waits: list[Callable[[], object]] = [lambda: True]

    def look() -> None:
        if not steps:
            steps.extend(_use(window) for window in application.topLevelWidgets() if isinstance(window, MainWindow))
        elif waits[-1]():
            waits.append(next(steps[0], application_quits))

    return look


if __name__ == "__main__":
    site = make_site(Path(sys.argv[1]))
    application = make_application()
    timer = QTimer()
    timer.timeout.connect(_story(application.quit))
    timer.start(_LOOK_EVERY_MS)
    sys.exit(run_desktop(site, Settings()))
