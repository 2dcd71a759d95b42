"""Start the desktop on one site."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from edgeyard.commands.local_hub import LocalHub
from edgeyard.commands.log_file import open_log
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_database import open_site_database
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.drag import leave_label_on_clipboard
from edgeyard.desktop.edit import EditHistory
from edgeyard.desktop.fleet_feed import FleetFeeds
from edgeyard.desktop.garbage import Garbage
from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.memory import Memory
from edgeyard.desktop.mistake import LOG_NAME, UncaughtErrors
from edgeyard.desktop.session import Session
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.domain.error import UserError
from edgeyard.resource import resource_path
from edgeyard.store.database import Database

if TYPE_CHECKING:
    from edgeyard.commands.workspace import Workspace

_log = logging.getLogger(__name__)
_SWITCH_INTERVAL_S = 0.0005
"""How long another thread may keep the interpreter while the window waits: with Python's 5 ms, frames are lost."""


class Desktop:
    """The application with its session and windows; `run_desktop` is the usual way in."""

    def __init__(self, folder: SiteFolder, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self.application = make_application()
        self._garbage = Garbage()
        self._garbage.start()
        folder.root.mkdir(parents=True, exist_ok=True)
        memory = Memory(folder.root / "desktop.ini")
        theme = Theme(_theme_name(memory.text("theme", ThemeName.SYSTEM)))
        bridge = Bridge(
            partial(_open_database, folder, settings), partial(_make_workspace, folder, settings, clock), clock
        )
        feeds = FleetFeeds(bridge)
        # Reading begins while the window is being built.
        bridge.start()
        self.windows: list[MainWindow] = []
        self.session = Session(bridge, feeds, EditHistory(bridge), memory, theme, folder, settings, self.open_window)

    def open_window(self, *, tour: bool = False) -> MainWindow:
        """Another window on the same site."""
        window = MainWindow(self.session, tour=tour)
        window.destroyed.connect(lambda: self._forget(window))
        if self.windows:
            window.move(self.windows[-1].pos().x() + 32, self.windows[-1].pos().y() + 32)
        self.windows.append(window)
        window.show()
        return window

    def close(self) -> None:
        """Close all windows and end the threads."""
        for window in list(self.windows):
            window.close()
        self.session.feeds.stop()
        self.session.bridge.stop()
        self._garbage.stop()
        leave_label_on_clipboard()

    def _forget(self, window: MainWindow) -> None:
        self.windows = [kept for kept in self.windows if kept is not window]


def run_desktop(
    folder: SiteFolder, settings: Settings, *, tour: bool = False, screenshot_dir: Path | None = None
) -> int:
    """Show the desktop until its last window is closed. Returns the exit code.

    A site without a hub gets one for as long as the desktop is open. With `screenshot_dir` it takes a picture of every
    page in light and dark there, and ends.
    """
    with _logging(folder, settings):
        return _run(folder, settings, tour=tour, screenshot_dir=screenshot_dir)


def _run(folder: SiteFolder, settings: Settings, *, tour: bool, screenshot_dir: Path | None) -> int:
    desktop = Desktop(folder, settings)
    UncaughtErrors(desktop.session.bridge.tell_mistake).install()
    window = desktop.open_window(tour=tour)
    if screenshot_dir is not None:
        from edgeyard.desktop.screenshot import take_pictures

        take_pictures(window, screenshot_dir, desktop.application.quit)
    hub = LocalHub(folder, settings)
    # After the first paint: finding out and starting takes moments that the window should have.
    QTimer.singleShot(0, hub.start)
    try:
        return desktop.application.exec()
    finally:
        desktop.close()
        hub.stop()


@contextmanager
def _logging(folder: SiteFolder, settings: Settings) -> Iterator[None]:
    """Write a log while the desktop runs; where that cannot be, the window works without and says what is wrong."""
    try:
        folder.make()
        handler = open_log(folder.logs / LOG_NAME, settings.log_level)
    except (OSError, UserError):
        _log.warning("No log is written to %s", folder.logs, exc_info=True)
        yield
        return
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def make_application() -> QApplication:
    """The one QApplication of this process."""
    existing = QApplication.instance()
    if existing is not None:
        return cast(QApplication, existing)
    QCoreApplication.setApplicationName("Edgeyard")
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeMenuBar)
    application = QApplication(sys.argv[:1])
    application.setWindowIcon(QIcon(str(resource_path("icons", "edgeyard.png"))))
    application.setDesktopFileName("edgeyard")
    return application


def _open_database(folder: SiteFolder, settings: Settings) -> Database:
    folder.make()
    return open_site_database(folder, settings)


def _make_workspace(
    folder: SiteFolder, settings: Settings, clock: Callable[[], float], database: Database
) -> Workspace:
    from edgeyard.commands.workspace import Workspace
    from edgeyard.trust.key_vault import KeyVault

    return Workspace(folder, settings, database, KeyVault(folder.operator), clock)


def _theme_name(text: str) -> ThemeName:
    return ThemeName(text) if text in set(ThemeName) else ThemeName.SYSTEM
