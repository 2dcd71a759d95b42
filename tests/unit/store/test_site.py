from __future__ import annotations

import pytest
from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.store.site import SiteRow, bump, create_site, get_blob, get_site, put_blob
from tests.unit.store.sample import NOW


def test_a_fresh_database_has_no_site_until_one_is_created(database: Database) -> None:
    with database.read() as c:
        assert get_site(c) is None
    with database.write() as c:
        create_site(c, "demo", NOW)
    with database.read() as c:
        assert get_site(c) == SiteRow("demo", NOW)


def test_a_site_keeps_its_first_name(database: Database) -> None:
    with database.write() as c:
        create_site(c, "demo", NOW)
        assert create_site(c, "demo", NOW + 5) == SiteRow("demo", NOW)
        with pytest.raises(UserError, match="belongs to the site 'demo'"):
            create_site(c, "other", NOW)
        with pytest.raises(UserError, match="cannot be used"):
            create_site(c, "Not A Site", NOW)


def test_blobs_are_kept_by_key_and_replaced(database: Database) -> None:
    with database.write() as c:
        assert get_blob(c, "release_root") is None
        put_blob(c, "release_root", b"\x00one", NOW)
        put_blob(c, "release_root", b"two", NOW)
    with database.read() as c:
        assert get_blob(c, "release_root") == b"two"


def test_counting_up_never_gives_a_number_twice(database: Database) -> None:
    with database.write() as c:
        assert [bump(c, "serial", NOW) for _ in range(3)] == [1, 2, 3]
    assert _bumped_and_rolled_back(database) == 4
    with database.write() as c:
        assert bump(c, "serial", NOW) == 4


def _bumped_and_rolled_back(database: Database) -> int:
    class Stop(Exception):  # noqa: N818
        pass

    number = 0

    def use(c: Connection) -> None:
        nonlocal number
        number = bump(c, "serial", NOW)
        raise Stop

    with pytest.raises(Stop), database.write() as c:
        use(c)
    return number
