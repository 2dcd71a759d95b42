from __future__ import annotations

import pytest

from edgeyard.store.database import Database
from edgeyard.store.release import director_devices, get_metadata, latest, put_director, put_metadata, release_root
from tests.unit.store.sample import NOW


def test_metadata_is_found_by_its_name_and_the_newest_by_its_role(database: Database) -> None:
    with database.write() as c:
        assert release_root(c) is None
        for version in (1, 2, 9, 10):
            put_metadata(c, "release", "", f"{version}.root.json", b"root %d" % version, NOW)
        put_metadata(c, "release", "", "timestamp.json", b"old", NOW)
        put_metadata(c, "release", "", "timestamp.json", b"new", NOW)
    with database.read() as c:
        assert get_metadata(c, "release", "", "2.root.json") == b"root 2"
        assert release_root(c) == b"root 10"
        assert latest(c, "timestamp") == b"new"
        assert latest(c, "targets") is None
        assert get_metadata(c, "director", "", "2.root.json") is None


@pytest.mark.parametrize(
    "name",
    ["", "../1.root.json", "1.root.json.bak", "01.root.json", "x.root.json", "9" * 40 + ".root.json", "1.keys.json"],
)
def test_a_name_that_is_no_metadata_name_is_not_there_and_cannot_be_written(database: Database, name: str) -> None:
    with database.write() as c:
        assert get_metadata(c, "release", "", name) is None
        with pytest.raises(ValueError, match="names no TUF metadata"):
            put_metadata(c, "release", "", name, b"", NOW)


def test_director_metadata_of_a_device_keeps_only_what_a_refresh_in_flight_may_need(database: Database) -> None:
    with database.write() as c:
        put_metadata(c, "director", "a", "1.root.json", b"root", NOW)
        for version in range(1, 5):
            put_director(c, "a", version, b"t%d" % version, b"s%d" % version, b"ts%d" % version, NOW)
        put_director(c, "b", 1, b"bt", b"bs", b"bts", NOW)
    with database.read() as c:
        kept = [get_metadata(c, "director", "a", f"{version}.targets.json") for version in range(1, 5)]
        assert kept == [None, None, b"t3", b"t4"]
        assert get_metadata(c, "director", "a", "4.snapshot.json") == b"s4"
        assert get_metadata(c, "director", "a", "timestamp.json") == b"ts4"
        assert get_metadata(c, "director", "a", "1.root.json") == b"root"
        assert latest(c, "targets", "director", "b") == b"bt"
        assert director_devices(c) == {"a": NOW, "b": NOW}
