"""A real desktop on a real site: its database is filled, its threads run, nothing is replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.app import Desktop
from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.store.database import Database, sqlite_url
from tests.fleet_factory import seed_fleet

OpenDesktop = Callable[..., Desktop]


@pytest.fixture
def theme(qapp: object) -> Theme:
    """The light theme, applied."""
    return Theme(ThemeName.LIGHT)


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[int], SiteFolder]:
    """A site folder with that many devices."""

    def make(devices: int) -> SiteFolder:
        folder = SiteFolder(tmp_path / f"site-{devices}")
        folder.make()
        database = Database.open(sqlite_url(folder.database_file))
        if devices:
            seed_fleet(database, devices, time.time(), history_points=6, history_step_s=60)
        database.close()
        return folder

    return make


@pytest.fixture
def open_desktop(qtbot: QtBot, make_site: Callable[[int], SiteFolder]) -> Iterator[OpenDesktop]:
    """Start a desktop on a new site, or on a folder; its windows and threads end with the test."""
    started: list[Desktop] = []

    def start(devices: int = 40, folder: SiteFolder | None = None) -> Desktop:
        desktop = Desktop(folder or make_site(devices), Settings(site="plant"))
        desktop.session.theme.apply(ThemeName.LIGHT)
        started.append(desktop)
        return desktop

    yield start
    for desktop in started:
        desktop.close()
        qtbot.wait(20)


@pytest.fixture
def window(qtbot: QtBot, open_desktop: OpenDesktop) -> MainWindow:
    """A window on 40 devices whose table is filled."""
    desktop = open_desktop(40)
    shown = desktop.open_window()
    wait_for_fleet(qtbot, shown)
    return shown


def wait_for_fleet(qtbot: QtBot, window: MainWindow) -> None:
    """Until everything was read once."""
    feeds = window.session.feeds
    needed = (feeds.fleet, feeds.groups, feeds.rollouts, feeds.trend, feeds.statuses, feeds.models, feeds.jobs)
    qtbot.waitUntil(lambda: all(feed.latest is not None for feed in needed), timeout=10_000)
