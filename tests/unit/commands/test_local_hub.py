"""The desktop starts a hub for a site whose hub is gone, and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from edgeyard.commands.child_process import ChildProcesses
from edgeyard.commands.local_hub import LocalHub
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.lease import HUB_LEASE, take_lease

NOW = 1_800_000_000.0
TTL_S = 10.0


class Children(ChildProcesses):
    """Notes what it is asked to start, and starts nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.started = threading.Event()
        self.command: Sequence[str] = ()

    def start(self, name: str, command: Sequence[str], log: Path) -> None:
        del name, log
        self.command = command
        self.started.set()


@pytest.fixture
def folder(tmp_path: Path) -> SiteFolder:
    made = SiteFolder(tmp_path / "site")
    made.make()
    return made


@pytest.fixture
def database(folder: SiteFolder) -> Iterator[Database]:
    opened = Database.open(sqlite_url(folder.database_file))
    yield opened
    opened.close()


def renew(database: Database, now: float) -> None:
    with database.write() as c:
        assert take_lease(c, HUB_LEASE, "the hub", TTL_S, now)


def looking(folder: SiteFolder, children: Children, clock: Callable[[], float]) -> LocalHub:
    hub = LocalHub(folder, Settings(), children, clock, look_every_s=0.01)
    hub.start()
    return hub


def test_a_site_without_a_hub_gets_one_at_once(folder: SiteFolder) -> None:
    children = Children()
    hub = looking(folder, children, lambda: NOW)
    assert children.started.wait(10)
    assert list(children.command[-5:-1]) == ["hub", "run", "--site", str(folder.root)]
    hub.stop()


def test_a_hub_that_was_killed_a_moment_ago_is_replaced_once_its_lease_has_run_out(
    folder: SiteFolder, database: Database
) -> None:
    renew(database, NOW)
    children, at = Children(), [NOW + 1]
    hub = looking(folder, children, lambda: at[0])
    assert not children.started.wait(0.2)
    at[0] = NOW + TTL_S + 1
    assert children.started.wait(10)
    hub.stop()


def test_a_hub_that_renews_its_lease_is_left_alone_from_then_on(folder: SiteFolder, database: Database) -> None:
    renew(database, NOW)
    children, at, looks = Children(), [NOW + 1], threading.Semaphore(0)

    def clock() -> float:
        looks.release()
        return at[0]

    hub = looking(folder, children, clock)
    assert looks.acquire(timeout=10)
    assert looks.acquire(timeout=10), "it has seen the lease once"
    renew(database, NOW + 3)
    assert hub._thread is not None
    hub._thread.join(10)
    assert not hub._thread.is_alive(), "nobody looks any more"
    at[0] = NOW + 100
    assert not children.started.is_set()
    hub.stop()


def test_closing_the_window_ends_the_looking(folder: SiteFolder, database: Database) -> None:
    renew(database, NOW)
    children = Children()
    hub = LocalHub(folder, Settings(), children, lambda: NOW + 1, look_every_s=3600)
    hub.start()
    hub.stop()
    assert not children.started.is_set()
