"""A window on a seeded site, and waiting for what workers answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.app import Desktop
from edgeyard.desktop.jobs.job_runner import JobRunner
from edgeyard.desktop.memory import Memory
from edgeyard.desktop.shell.main_window import MainWindow
from edgeyard.store.database import Connection, Database, sqlite_url
from tests.unit.desktop import plan_world

Seed = Callable[[Connection, float], Any]


def seed_everything(c: Connection, now: float) -> None:
    """Versions 1 and 2 signed, 1 again after 2, 3 not; fifteen devices on version 2; groups; no rollout."""
    plan_world.seed_site(c, now)
    # A device refuses a release that is older than what it runs, so version 1 has the later one.
    versions = plan_world.seed_versions(c, now, {1: 3, 2: 2})
    plan_world.seed_devices(c, now, versions[2])
    plan_world.seed_groups(c, now)


def make_site(root: Path, seed: Seed = seed_everything) -> SiteFolder:
    """A site folder whose database was filled by `seed`."""
    folder = SiteFolder(root)
    folder.make()
    database = Database.open(sqlite_url(folder.database_file))
    with database.write() as c:
        seed(c, time.time())
    database.close()
    return folder


@contextmanager
def open_window(qtbot: QtBot, folder: SiteFolder, page: str = "models") -> Iterator[MainWindow]:
    """The real window on `folder`, at `page`, once everything was read; its threads end with the block."""
    memory = Memory(folder.root / "desktop.ini")
    memory.put("window/page", page)
    memory.put("theme", "light")
    memory.sync()
    desktop = Desktop(folder, Settings())
    window = desktop.open_window()
    try:
        feeds = window.desk.feeds
        qtbot.waitUntil(
            lambda: all(f.latest is not None for f in (feeds.models, feeds.groups, feeds.rollouts, feeds.fleet)),
            timeout=10_000,
        )
        qtbot.waitUntil(lambda: window.desk.drop.ready, timeout=5_000)
        yield window
    finally:
        JobRunner.of(window.desk.bridge).stop()
        desktop.close()


@contextmanager
def database_of(folder: SiteFolder) -> Iterator[Database]:
    """A second look into the site's database, as another process has it."""
    database = Database.open(sqlite_url(folder.database_file))
    try:
        yield database
    finally:
        database.close()
