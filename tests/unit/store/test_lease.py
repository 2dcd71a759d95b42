from __future__ import annotations

import threading

from edgeyard.store.change import change_counter
from edgeyard.store.database import Database
from edgeyard.store.lease import ComponentStatus, current_holder, put_status, release_lease, statuses, take_lease
from tests.unit.store.sample import NOW


def test_a_lease_has_one_holder_until_it_expires_or_is_released(database: Database) -> None:
    with database.write() as c:
        assert current_holder(c, "hub", NOW) is None
        assert take_lease(c, "hub", "one", 10, NOW)
        assert not take_lease(c, "hub", "two", 10, NOW + 5)
        assert take_lease(c, "hub", "one", 10, NOW + 5)
        assert current_holder(c, "hub", NOW + 14) == ("one", NOW + 15)
        assert current_holder(c, "hub", NOW + 15) is None
        assert take_lease(c, "hub", "two", 10, NOW + 15)
        assert not take_lease(c, "hub", "one", 10, NOW + 16)
        release_lease(c, "hub", "one", NOW + 16)
        assert current_holder(c, "hub", NOW + 16) == ("two", NOW + 25)
        release_lease(c, "hub", "two", NOW + 16)
        assert take_lease(c, "hub", "one", 10, NOW + 16)
        assert take_lease(c, "other", "two", 10, NOW + 16)


def test_of_many_who_take_an_expired_lease_at_once_one_gets_it(database: Database) -> None:
    with database.write() as c:
        take_lease(c, "hub", "dead", 10, NOW)
    together = threading.Barrier(6)
    taken: list[str] = []

    def take(holder: str) -> None:
        together.wait()
        with database.write() as c:
            if take_lease(c, "hub", holder, 10, NOW + 20):
                taken.append(holder)

    threads = [threading.Thread(target=take, args=(f"hub-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as c:
        assert [(holder, NOW + 30) for holder in taken] == [current_holder(c, "hub", NOW + 20)]


def test_components_say_how_they_are_and_readers_are_called_only_on_a_change(database: Database) -> None:
    def counted() -> int:
        with database.read() as c:
            return change_counter(c)["status"]

    def say(state: str, text: str, now: float) -> None:
        with database.write() as c:
            put_status(c, "broker", state, text, "Start it." if state == "down" else "", now)

    say("ok", "running", NOW)
    first = counted()
    say("ok", "running", NOW + 5)
    assert counted() == first
    say("down", "gone", NOW + 6)
    assert counted() == first + 1
    with database.read() as c:
        assert statuses(c) == [ComponentStatus("broker", "down", "gone", "Start it.", NOW + 6)]
