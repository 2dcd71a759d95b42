"""Several programs on one database at once, as hub and desktop are, and what is left when one of them is killed."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from edgeyard.domain.error import UserError
from edgeyard.domain.gate import GatePolicy
from edgeyard.store.assignment import assign
from edgeyard.store.change import change_counter, touch
from edgeyard.store.database import Database
from edgeyard.store.device import list_devices, set_labels, set_problem
from edgeyard.store.event import StoredEvent, add_events
from edgeyard.store.lease import current_holder, take_lease
from edgeyard.store.live import LiveUpdate, update_live
from edgeyard.store.site import bump, get_blob
from tests.unit.store.sample import NOW, join

PREAMBLE = """
import sys, time
from edgeyard.store.database import Database
from edgeyard.store.site import bump, put_blob
from edgeyard.store.lease import take_lease
database = Database.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""


def program(url: str, code: str) -> subprocess.Popen[str]:
    """A program that has the database open and waits for `go`."""
    started = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert read_line(started) == "ready"
    return started


def go(started: subprocess.Popen[str]) -> None:
    assert started.stdin is not None
    started.stdin.write("go\n")
    started.stdin.flush()


def read_line(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def at_once(*works: Callable[[], Any]) -> list[BaseException]:
    """Run functions in threads that start together; returns what they raised."""
    together = threading.Barrier(len(works))
    troubles: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        together.wait()
        try:
            work()
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return troubles


def test_two_programs_write_at_once_and_nothing_is_lost(database: Database, url: str) -> None:
    count = """
for _ in range(100):
    with database.write() as c:
        bump(c, "count", time.time())
"""
    programs = [program(url, count) for _ in range(2)]
    for started in programs:
        go(started)
    assert [started.communicate(timeout=60)[1] for started in programs] == ["", ""]
    with database.write() as c:
        assert bump(c, "count", NOW) == 201


def test_a_reader_never_waits_for_a_writer(database: Database) -> None:
    with database.write() as writer:
        join(writer, "a")
        touch(writer, "jobs", NOW)
        # It would wait for ever, or until it is refused: the writer goes on only afterwards.
        with database.read() as reader:
            assert list_devices(reader) == []
            assert change_counter(reader)["devices"] == 0


def test_a_writer_never_waits_for_a_reader(database: Database) -> None:
    with database.read() as reader:
        assert list_devices(reader) == []
        with database.write() as writer:
            join(writer, "a")
        assert list_devices(reader) == []


def test_a_writer_killed_in_the_middle_leaves_the_old_state_and_no_lock(database: Database, url: str) -> None:
    with database.write() as c:
        bump(c, "count", NOW)
    started = program(
        url,
        """
with database.write() as c:
    bump(c, "count", 0.0)
    put_blob(c, "half", bytes(3_000_000), 0.0)
    print("written", flush=True)
    time.sleep(60)
""",
    )
    go(started)
    assert read_line(started) == "written"
    started.kill()
    started.wait()
    before = time.monotonic()
    with database.write() as c:
        assert get_blob(c, "half") is None
        assert bump(c, "count", NOW) == 2
    assert time.monotonic() - before < 5
    started.communicate()


def test_a_writer_killed_at_random_moments_leaves_only_whole_transactions(database: Database, url: str) -> None:
    code = """
while True:
    with database.write() as c:
        one = bump(c, "one", 0.0)
        put_blob(c, "text", b"%d" % one, 0.0)
        two = bump(c, "two", 0.0)
    print(one, flush=True)
"""
    chance = random.Random(7)
    for _ in range(4):
        started = program(url, code)
        go(started)
        acknowledged = int(read_line(started))
        time.sleep(chance.uniform(0, 0.1))
        started.kill()
        rest, _ = started.communicate()
        acknowledged = max([acknowledged, *map(int, rest.split("\n")[:-1])])
        with database.write() as c:
            one, two, written = bump(c, "one", NOW), bump(c, "two", NOW), get_blob(c, "text")
        assert one == two
        assert written == b"%d" % (one - 1)
        assert one - 1 >= acknowledged


def test_the_lease_of_a_killed_hub_is_taken_over_when_it_expires(database: Database, url: str) -> None:
    started = program(
        url,
        """
while True:
    with database.write() as c:
        taken = take_lease(c, "hub", "first", 1.0, time.time())
    print(taken, flush=True)
    time.sleep(0.2)
""",
    )
    go(started)
    assert read_line(started) == "True"
    with database.write() as c:
        assert not take_lease(c, "hub", "second", 1.0, time.time())
    started.kill()
    started.communicate()
    give_up_at = time.monotonic() + 10
    taken = False
    while not taken and time.monotonic() < give_up_at:
        with database.write() as c:
            taken = take_lease(c, "hub", "second", 60.0, time.time())
        time.sleep(0.05)
    with database.read() as c:
        holder = current_holder(c, "hub", time.time())
    assert holder is not None
    assert holder[0] == "second"


def test_a_polling_reader_misses_no_change_of_many_writers(database: Database) -> None:
    device_ids = [f"d-{number}" for number in range(12)]
    with database.write() as c:
        join(c, *device_ids)
    done = threading.Event()
    seen: dict[str, str] = {}

    def write(mine: list[str], seed: int) -> None:
        chance = random.Random(seed)
        for turn in range(40):
            # Clocks of different programs differ, and a transaction may stay open for a while.
            now = NOW + chance.uniform(-100, 100)
            with database.write() as c:
                for device_id in chance.sample(mine, 2):
                    set_labels(c, device_id, {"turn": str(turn)}, now)
                if chance.random() < 0.3:
                    time.sleep(0.002)

    def poll() -> None:
        latest = 0.0
        last_look = False
        while not last_look:
            last_look = done.is_set()
            with database.read() as c:
                for device in list_devices(c, changed_after=latest):
                    seen[device.id] = device.labels.get("turn", "")
                    latest = max(latest, device.changed_at)

    reader = threading.Thread(target=poll)
    reader.start()
    troubles = at_once(*(lambda part=part: write(device_ids[part::3], part) for part in range(3)))
    done.set()
    reader.join()
    assert troubles == []
    with database.read() as c:
        assert seen == {device.id: device.labels.get("turn", "") for device in list_devices(c)}


def test_writers_of_the_same_devices_never_wait_in_a_circle(database: Database) -> None:
    device_ids = [f"d-{number}" for number in range(6)]
    with database.write() as c:
        join(c, *device_ids)

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for turn in range(30):
            some = chance.sample(device_ids, 3)
            with database.write() as c:
                match chance.randrange(4):
                    case 0:
                        update_live(c, [LiveUpdate(device_id, NOW + turn, True) for device_id in some])
                    case 1:
                        add_events(c, [StoredEvent(device_id, NOW, "info", "x", "") for device_id in some])
                    case 2:
                        set_problem(c, some[0], str(turn), "attention", NOW)
                    case _:
                        assign(c, some[0], None, "", "", False, GatePolicy(), NOW)

    troubles = at_once(*(lambda seed=seed: write(seed) for seed in range(6)))
    assert not [trouble for trouble in troubles if isinstance(trouble, UserError)]
    assert troubles == []


def test_many_threads_share_one_database(database: Database) -> None:
    def work() -> None:
        for _ in range(20):
            with database.read() as c:
                list_devices(c)
            with database.write() as c:
                bump(c, "count", NOW)

    assert at_once(*[work] * 8) == []
    with database.write() as c:
        assert bump(c, "count", NOW) == 161
