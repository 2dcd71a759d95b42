"""The lease: one holder, no writing without it, and no waiting for the dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeyard.hub import lease_guard
from edgeyard.hub.file_lock import FileLock
from edgeyard.hub.lease_guard import LEASE_TTL_S, LeaseGuard, LeaseLostError
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.lease import HUB_LEASE, current_holder, take_lease
from edgeyard.store.site import create_site, get_site

NEVER = threading.Event()


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1000.0
        self.database = Database.open(sqlite_url(folder / "edgeyard.db"))
        self.locks: list[FileLock] = []

    def guard(self, folder_id: str = "folder", lock: str = "hub.lock") -> LeaseGuard:
        self.locks.append(FileLock(self.folder / lock))
        return LeaseGuard(self.database, self.locks[-1], folder_id, lambda: self.now)

    def close(self) -> None:
        for lock in self.locks:
            lock.release()
        self.database.close()

    def holder(self) -> str:
        with self.database.read() as c:
            found = current_holder(c, HUB_LEASE, self.now)
        return found[0] if found else ""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def _stopped_soon() -> threading.Event:
    event = threading.Event()
    threading.Timer(1.2, event.set).start()
    return event


def test_the_first_gets_it_and_the_second_is_told_who_has_it(world: World) -> None:
    first, second = world.guard(), world.guard()
    assert first.acquire(NEVER, print)
    told: list[str] = []
    assert not second.acquire(_stopped_soon(), told.append)
    assert len(told) == 1
    first.release()
    assert second.acquire(NEVER, print)
    second.release()
    assert world.holder() == ""


def test_a_holder_that_left_its_file_lock_is_dead(world: World) -> None:
    dead = world.guard()
    assert dead.acquire(NEVER, print)
    dead._lock.release()  # what the system does when a process is killed
    heir = world.guard()
    assert heir.acquire(NEVER, print)
    with pytest.raises(LeaseLostError), dead.write():
        raise AssertionError("not reached")
    heir.release()


def test_a_hub_of_another_folder_waits_until_the_lease_ends(world: World) -> None:
    first, other = world.guard(), world.guard("elsewhere", "other.lock")
    assert first.acquire(NEVER, print)
    assert not other.acquire(_stopped_soon(), print)
    world.now += LEASE_TTL_S + 1
    assert other.acquire(NEVER, print)
    other.release()


def test_a_hub_that_took_over_from_a_frozen_one_is_not_taken_for_dead(world: World) -> None:
    frozen, active = world.guard(), world.guard()
    assert frozen.acquire(NEVER, print)
    world.now += LEASE_TTL_S + 1
    assert active.acquire(NEVER, print)
    assert world.holder().endswith("/unlocked")
    frozen._lock.release()
    third = world.guard()
    assert not third.acquire(_stopped_soon(), print), "it has the lock file, but the active hub never had"
    active.release()


def test_nothing_is_written_without_the_lease(world: World) -> None:
    guard = world.guard()
    with pytest.raises(LeaseLostError), guard.write():
        raise AssertionError("not reached")
    assert guard.acquire(NEVER, print)
    with world.database.write() as c:
        assert take_lease(c, HUB_LEASE, "somebody else", 10, world.now + LEASE_TTL_S + 1)
    with pytest.raises(LeaseLostError), guard.write() as c:
        create_site(c, "never", 1.0)
    with world.database.read() as c:
        assert get_site(c) is None


def test_the_deadline_counts_without_the_database(world: World) -> None:
    guard = world.guard()
    assert guard.acquire(NEVER, print)
    guard.check()
    guard._valid_until = time.monotonic()
    with pytest.raises(LeaseLostError):
        guard.check()


def test_the_loser_is_told_and_leaves_the_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_guard, "RENEW_EVERY_S", 0.05)
    guard = world.guard()
    assert guard.acquire(NEVER, print)
    lost = threading.Event()
    with world.database.write() as c:
        assert take_lease(c, HUB_LEASE, "somebody else", 1000, world.now + LEASE_TTL_S + 1)
    guard.keep(lost.set)
    assert lost.wait(5)
    lock = FileLock(world.folder / "hub.lock")
    assert lock.try_acquire()
    lock.release()
    guard.release()
    assert world.holder() == "somebody else"
