from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest

from edgeyard.store import record as record_module
from edgeyard.store.database import Database
from edgeyard.store.raw import fetch
from edgeyard.store.record import (
    MAX_PAYLOAD_BYTES,
    commit_batch,
    dead_letter,
    dead_letters,
    fresh_records,
    prune_records,
    watermark,
)
from edgeyard.wire.message import Record
from tests.unit.store.sample import NOW


def batch(*seqs: int, body: dict[str, Any] | None = None) -> list[Record]:
    return [Record(seq, NOW, "event", body or {"code": "x"}) for seq in seqs]


def kept(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as c:
        return fetch(c, "SELECT device_id, boot, seq FROM record ORDER BY id")


def test_a_repeated_batch_is_kept_once_and_acknowledged_again(database: Database) -> None:
    for _ in range(2):
        with database.write() as c:
            assert commit_batch(c, "a", 1, batch(1, 2, 3), NOW) == 3
    with database.write() as c:
        assert [record.seq for record in fresh_records(c, "a", 1, batch(5, 2, 4, 4))] == [4, 5]
        assert commit_batch(c, "a", 1, batch(5, 2, 4, 4), NOW) == 5
        assert commit_batch(c, "a", 1, [], NOW) == 5
        assert commit_batch(c, "a", 9, [], NOW) == 0
    assert kept(database) == [("a", 1, seq) for seq in (1, 2, 3, 4, 5)]


def test_boots_and_devices_count_by_themselves(database: Database) -> None:
    with database.write() as c:
        commit_batch(c, "a", 1, batch(1, 2), NOW)
        commit_batch(c, "a", 2, batch(1), NOW)
        commit_batch(c, "b", 1, batch(1), NOW)
        # What an agent could not send before it was restarted comes after the restart.
        commit_batch(c, "a", 1, batch(2, 3), NOW)
        assert watermark(c, "a") == {1: 3, 2: 1}
    assert kept(database) == [("a", 1, 1), ("a", 1, 2), ("a", 2, 1), ("b", 1, 1), ("a", 1, 3)]


def test_one_batch_delivered_to_two_workers_is_kept_once(database: Database) -> None:
    together = threading.Barrier(4)
    safe: list[int] = []

    def ingest() -> None:
        together.wait()
        with database.write() as c:
            safe.append(commit_batch(c, "a", 1, batch(1, 2, 3), NOW))

    threads = [threading.Thread(target=ingest) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert safe == [3, 3, 3, 3]
    assert kept(database) == [("a", 1, 1), ("a", 1, 2), ("a", 1, 3)]


def test_what_was_rolled_back_is_not_known(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as c:
        commit_batch(c, "a", 1, batch(1, 2), NOW)
        raise ZeroDivisionError
    with database.read() as c:
        assert watermark(c, "a") == {}
    assert kept(database) == []


@pytest.mark.parametrize(
    "body",
    [
        {
            "nan": float("nan"),
            "nul": "\x00",
            "bytes": b"\xff",
            "when": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        },
        {"key": {b"bytes": 1, 2: object()}},
        {"surrogate": "\ud800"},
        {"big": "x" * 100_000},
    ],
)
def test_an_odd_body_does_not_stop_ingest(database: Database, body: dict[str, Any]) -> None:
    with database.write() as c:
        assert commit_batch(c, "a", 1, batch(1, body=body), NOW) == 1
        assert (
            commit_batch(c, "a", 1, [Record(2, float("nan"), "k" * 32, {}), Record(3, float("-inf"), "\x00", {})], NOW)
            == 3
        )
        assert [row[0] for row in fetch(c, "SELECT at FROM record ORDER BY id")] == [NOW, NOW, NOW]


def test_a_body_nested_beyond_reason_does_not_stop_ingest(database: Database) -> None:
    body: dict[str, Any] = {}
    inner = body
    for _ in range(100_000):
        inner["x"] = inner = {}
    with database.write() as c:
        assert commit_batch(c, "a", 1, batch(1, body=body), NOW) == 1
        assert "unreadable" in fetch(c, "SELECT body FROM record")[0][0]
    while body:  # taken apart step by step: dropped whole it would be freed by recursion
        body = body.pop("x", {})


def test_old_records_and_marks_are_pruned_in_steps(database: Database) -> None:
    for day in range(4):
        with database.write() as c:
            commit_batch(c, "a", day, batch(*range(1, 11)), NOW + day * 86_400)
    with database.write() as c:
        cut = NOW + 2 * 86_400
        assert [prune_records(c, cut, max_rows=15) for _ in range(3)] == [15, 5, 0]
        assert watermark(c, "a") == {2: 10, 3: 10}
        assert prune_records(c, cut + 10 * 86_400) == 20
        assert prune_records(c, cut) == 0


def test_only_the_newest_dead_letters_stay_and_only_their_beginning(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "MAX_DEAD_LETTERS", 3)
    with database.write() as c:
        for number in range(5):
            dead_letter(c, "a\x00", "t" * 900, f"reason {number}", b"\x00" * 5000, NOW + number)
        letters = dead_letters(c)
        assert [letter.reason for letter in letters] == ["reason 4", "reason 3", "reason 2"]
        assert (len(letters[0].payload), letters[0].payload_bytes) == (MAX_PAYLOAD_BYTES, 5000)
        assert (letters[0].device_id, len(letters[0].topic)) == ("a\ufffd", 500)
