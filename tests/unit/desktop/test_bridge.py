"""The one boundary between threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.feed import UNCHANGED
from edgeyard.domain.error import UserError
from edgeyard.store import journal
from edgeyard.store.database import Connection, Database, sqlite_url
from edgeyard.store.job import create_job, list_jobs
from edgeyard.trust.key_vault import KeyVault

MakeSite = Callable[[int], SiteFolder]


def open_database(folder: SiteFolder) -> Database:
    return Database.open(sqlite_url(folder.database_file))


def bridge_on(folder: SiteFolder) -> Bridge:
    def make(database: Database) -> Workspace:
        return Workspace(folder, Settings(), database, KeyVault(folder.operator))

    return Bridge(lambda: open_database(folder), make)


@pytest.fixture
def bridge(qtbot: QtBot, make_site: MakeSite) -> Iterator[Bridge]:
    folder = make_site(0)
    made = bridge_on(folder)
    made.start()
    qtbot.waitUntil(lambda: made.database is not None)
    yield made
    made.stop()


def add_job(bridge: Bridge) -> None:
    assert bridge.workspace is not None
    with bridge.workspace.database.write() as connection:
        create_job(connection, "test", "A job", "", time.time())


def test_a_feed_reads_at_once_and_again_when_its_topic_changed(qtbot: QtBot, bridge: Bridge) -> None:
    feed = bridge.feed("jobs", lambda c, now: list_jobs(c), {"jobs"})
    with qtbot.waitSignal(feed.arrived):
        pass
    assert feed.latest == []
    with qtbot.waitSignal(feed.arrived):
        add_job(bridge)
    assert [job.title for job in feed.latest] == ["A job"]


def test_a_feed_is_not_read_for_what_is_not_its_topic(qtbot: QtBot, bridge: Bridge) -> None:
    reads: list[float] = []
    feed = bridge.feed("models", lambda c, now: reads.append(now), {"models"})
    with qtbot.waitSignal(feed.arrived):
        pass
    add_job(bridge)
    qtbot.wait(1300)
    assert len(reads) == 1


def test_reading_happens_on_another_thread_and_arrival_on_the_windows(qtbot: QtBot, bridge: Bridge) -> None:
    threads: dict[str, int] = {}
    feed = bridge.feed("x", lambda c, now: threads.setdefault("read", threading.get_ident()), {"jobs"})
    feed.arrived.connect(lambda _: threads.setdefault("arrived", threading.get_ident()))
    qtbot.waitUntil(lambda: len(threads) == 2)
    assert threads["read"] != threading.get_ident()
    assert threads["arrived"] == threading.get_ident()


def test_only_the_newest_of_many_snapshots_arrives(qtbot: QtBot, bridge: Bridge) -> None:
    numbers = itertools.count()
    read: list[int] = []
    arrived: list[int] = []

    def read_next(_connection: Connection, _now: float) -> int:
        read.append(next(numbers))
        return read[-1]

    feed = bridge.feed("numbers", read_next, (), every_s=0.0)
    feed.arrived.connect(arrived.append)
    while len(read) < 20:
        # The window's thread is busy: nothing is delivered, nothing piles up.
        feed.refresh()
        time.sleep(0.01)
    qtbot.waitUntil(lambda: bool(arrived))
    assert arrived[0] >= 18


def test_a_read_that_has_nothing_new_stays_silent(qtbot: QtBot, bridge: Bridge) -> None:
    feed = bridge.feed("nothing", lambda c, now: UNCHANGED, {"jobs"})
    with qtbot.assertNotEmitted(feed.arrived, wait=200):
        feed.refresh()


def test_a_closed_feed_is_heard_no_more(qtbot: QtBot, bridge: Bridge) -> None:
    feed = bridge.feed("jobs", lambda c, now: now, {"jobs"})
    with qtbot.waitSignal(feed.arrived):
        pass
    feed.close()
    with qtbot.assertNotEmitted(feed.arrived, wait=800):
        add_job(bridge)


def test_a_feed_that_cannot_be_read_says_so_and_does_not_stop_the_others(qtbot: QtBot, bridge: Bridge) -> None:
    def refuse(c: object, now: float) -> None:
        raise UserError("It is gone.", "Choose another.")

    def stumble(c: object, now: float) -> None:
        raise KeyError("a bug of ours")

    refused, stumbled = bridge.feed("gone", refuse, {"jobs"}), bridge.feed("rows", stumble, {"jobs"})
    healthy = bridge.feed("jobs", lambda c, now: list_jobs(c), {"jobs"})
    with qtbot.waitSignals([refused.failed, stumbled.failed, healthy.arrived]):
        pass
    assert bridge.trouble is None


def test_a_command_runs_elsewhere_and_its_result_comes_back(qtbot: QtBot, bridge: Bridge) -> None:
    results: list[tuple[int, int]] = []
    bridge.run(lambda workspace: threading.get_ident(), lambda where: results.append((where, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(results))
    assert results[0][0] != threading.get_ident()
    assert results[0][1] == threading.get_ident()


def test_a_command_that_is_refused_says_why_and_a_bug_is_not_shown_as_it_is(qtbot: QtBot, bridge: Bridge) -> None:
    def refuse(workspace: Workspace) -> None:
        raise UserError("No.", "Ask.")

    def stumble(workspace: Workspace) -> None:
        raise ZeroDivisionError("secret details")

    errors: list[UserError] = []
    bridge.run(refuse, failed=errors.append)
    bridge.run(stumble, failed=errors.append)
    qtbot.waitUntil(lambda: len(errors) == 2)
    words = sorted(error.what for error in errors)
    assert words[0] == "No."
    assert "secret" not in words[1]


def test_a_mistake_in_work_that_nobody_waits_for_is_told_to_every_window(
    qtbot: QtBot, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError("secret details")

    for start in (lambda: bridge.run(stumble), lambda: bridge.feed("rows", stumble, {"jobs"})):
        with qtbot.waitSignal(bridge.mistaken) as told:
            start()
        assert "log/desktop.log" in str(told.args[0])
        assert "secret" not in str(told.args[0])
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 2


def test_a_database_that_cannot_be_opened_is_told_and_tried_again(qtbot: QtBot, make_site: MakeSite) -> None:
    folder = make_site(0)
    tries: list[int] = []

    def open_late() -> Database:
        tries.append(1)
        if len(tries) == 1:
            raise UserError("The database is locked.", "Close the other program.")
        return open_database(folder)

    bridge = Bridge(open_late, lambda database: Workspace(folder, Settings(), database, KeyVault(folder.operator)))
    troubles: list[object] = []
    bridge.troubled.connect(troubles.append)
    bridge.start()
    try:
        with qtbot.waitSignal(bridge.opened, timeout=8000):
            pass
        qtbot.waitUntil(lambda: troubles[-1] is None)
        assert str(troubles[0]).startswith("The database is locked.")
    finally:
        bridge.stop()


def test_what_a_command_writes_is_read_without_waiting_for_the_next_poll(
    qtbot: QtBot, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeyard.desktop.bridge.POLL_S", 600.0)
    bridge = bridge_on(make_site(0))
    bridge.start()
    feed = bridge.feed("journal", lambda c, now: journal.entries(c), {"journal"})
    with qtbot.waitSignal(feed.arrived):
        pass

    def write(workspace: Workspace) -> None:
        with workspace.database.write() as connection:
            journal.note(connection, "a", "b", "c", "d", time.time())

    with qtbot.waitSignal(feed.arrived):
        bridge.run(write)
    bridge.stop()
