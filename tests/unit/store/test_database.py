from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from edgeyard.domain.error import UserError
from edgeyard.store.change import change_counter, touch
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.raw import run
from edgeyard.store.revision import REVISION_TABLE
from edgeyard.store.site import create_site, get_site
from tests.unit.store.sample import NOW


def test_a_second_opening_finds_what_the_first_left(url: str) -> None:
    first = Database.open(url)
    with first.write() as c:
        create_site(c, "demo", NOW)
    first.close()
    second = Database.open(url, create=False)
    with second.read() as c:
        assert get_site(c) is not None
    second.close()
    assert repr(second) == f"Database({second.place})"


def test_a_write_is_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as c:
        create_site(c, "demo", NOW)
        touch(c, "status", NOW)
        raise ZeroDivisionError
    with database.read() as c:
        assert get_site(c) is None
        assert change_counter(c)["status"] == 0


def test_writing_while_reading_is_our_mistake_and_not_the_users(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as c:
        run(c, "DELETE FROM site")


def test_a_reader_sees_one_moment_however_long_it_looks(database: Database) -> None:
    with database.read() as reader:
        assert change_counter(reader)["jobs"] == 0
        with database.write() as c:
            touch(c, "jobs", NOW)
        assert change_counter(reader)["jobs"] == 0
    with database.read() as reader:
        assert change_counter(reader)["jobs"] == 1


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as c:
        run(c, "INSERT INTO group_member (group_id, device_id) VALUES (1, 'ghost')")


def test_sqlite_is_set_up_to_lose_nothing_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    database = Database.open(sqlite_url(tmp_path / "edgeyard.db"))
    with database.write() as c:
        pragmas = {
            name: c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert stat.S_IMODE((tmp_path / "edgeyard.db").stat().st_mode) == 0o600
    database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root@host/db", "does not speak to 'mysql'"),
        ("no url at all", "cannot be read"),
        ("postgresql+psycopg://u@h:port/db", "cannot be read"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:////tmp/x.db?mode=ro", "must name a file"),
    ],
)
def test_a_url_we_cannot_use_says_which_we_can(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Database.open(url)
    assert caught.value.todo


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"folder .*nowhere for the database does not exist"):
        Database.open(sqlite_url(tmp_path / "nowhere" / "edgeyard.db"))
    with pytest.raises(UserError, match="There is no database at"):
        Database.open(sqlite_url(tmp_path / "edgeyard.db"), create=False)
    with pytest.raises(UserError, match="is not a file"):
        Database.open(sqlite_url(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_a_newer_edgeyard_is_left_as_it_is(url: str, tmp_path: Path) -> None:
    database = Database.open(url)
    with database.write() as c:
        create_site(c, "demo", NOW)
        c.execute(text(f"UPDATE {REVISION_TABLE} SET version_num = '9999'"))
    database.close()
    file = tmp_path / "edgeyard.db"
    before = file.read_bytes() if file.exists() else b""
    with pytest.raises(UserError, match="was made by a newer Edgeyard") as caught:
        Database.open(url)
    assert "Update Edgeyard" in caught.value.todo
    assert (file.read_bytes() if file.exists() else b"") == before


def test_a_newer_database_that_crashed_keeps_its_log_too(tmp_path: Path) -> None:
    # Opening it for writing would fold the write-ahead log into the file.
    file = tmp_path / "edgeyard.db"
    Database.open(sqlite_url(file)).close()
    child = f"""
import os, sqlite3
c = sqlite3.connect({str(file)!r})
c.execute("UPDATE {REVISION_TABLE} SET version_num = '9999'")
c.commit()
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", child], check=False)
    before = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.iterdir()
        if "shm" not in path.name
    }
    assert set(before) == {"edgeyard.db", "edgeyard.db-wal"}
    with pytest.raises(UserError, match="newer Edgeyard"):
        Database.open(sqlite_url(file))
    assert {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in before} == before


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "places.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"tables of another program \(bookmark\)"):
        Database.open(sqlite_url(file))
    assert file.read_bytes() == before


def test_a_shared_postgresql_database_is_refused_only_when_a_name_is_taken(postgres_url: str) -> None:
    other = Database.open(postgres_url)
    with other.write() as c:
        c.execute(text(f"DROP TABLE {REVISION_TABLE}"))
    with pytest.raises(UserError, match="tables of another program"):
        Database.open(postgres_url)
    with other.write() as c:
        c.execute(text("DROP SCHEMA IF EXISTS spare CASCADE"))
        names = c.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")).scalars().all()
        c.execute(text(f"DROP TABLE {', '.join(names)} CASCADE"))
        c.execute(text("CREATE TABLE neighbour (x INT)"))
    other.close()
    Database.open(postgres_url).close()


@pytest.mark.parametrize(
    "content", [b"This is a letter, not a database. " * 200, b"SQLite format 3\x00" + b"\xff" * 8000]
)
def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "edgeyard.db"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"not an Edgeyard database|damaged"):
        Database.open(sqlite_url(file))
    assert file.read_bytes() == content


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "edgeyard.db"
    database = Database.open(sqlite_url(file))
    with database.write() as c:
        create_site(c, "demo", NOW)
    database.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged") as caught:
        opened = Database.open(sqlite_url(file))
        with opened.read() as c:
            get_site(c)
    assert "backup" in caught.value.todo


def test_a_database_that_another_program_holds_says_so_and_then_works(tmp_path: Path) -> None:
    file = tmp_path / "edgeyard.db"
    database = Database.open(sqlite_url(file), busy_timeout_s=0.2)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(UserError, match="locked by another program"), database.write() as c:
        create_site(c, "demo", NOW)
    assert time.monotonic() - started < 5
    other.execute("ROLLBACK")
    with database.write() as c:
        create_site(c, "demo", NOW)
    database.close()
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("UPDATE site SET created_at = 0")
    with pytest.raises(UserError, match="locked by another program"):
        Database.open(sqlite_url(file), busy_timeout_s=0.2)
    other.close()
    Database.open(sqlite_url(file)).close()


def test_the_switch_to_a_write_ahead_log_waits_for_its_turn(tmp_path: Path) -> None:
    file = tmp_path / "edgeyard.db"
    Database.open(sqlite_url(file)).close()
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode=DELETE")
    other.execute("BEGIN")
    other.execute("SELECT * FROM site").fetchall()
    with pytest.raises(UserError, match="locked by another program"):
        Database.open(sqlite_url(file), busy_timeout_s=0.1)
    release = threading.Timer(0.3, other.execute, ("COMMIT",))
    release.start()
    database = Database.open(sqlite_url(file))
    release.join()
    other.close()
    with database.read() as c:
        assert c.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()


def test_a_full_disk_says_so_and_changes_nothing(tmp_path: Path) -> None:
    database = Database.open(sqlite_url(tmp_path / "edgeyard.db"))
    with pytest.raises(UserError, match=r"is full\. Nothing was changed"), database.write() as c:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar()
        c.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        create_site(c, "demo", NOW)
        run(c, "INSERT INTO site_value (key, data, number, changed_at) VALUES (?, ?, 0, 0)", ("big", bytes(1 << 20)))
    with database.read() as c:
        assert get_site(c) is None
    database.close()


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_read_only_file_or_folder_says_so() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        file = folder / "edgeyard.db"
        Database.open(sqlite_url(file)).close()
        before = file.read_bytes()
        folder.chmod(0o755)
        file.chmod(0o444)
        assert f"The database {file} is read-only" in _told_to_a_plain_user(file)
        file.chmod(0o666)
        folder.chmod(0o555)
        assert f"The folder {folder} of the database is read-only" in _told_to_a_plain_user(file)
        folder.chmod(0o755)
        assert file.read_bytes() == before


def _told_to_a_plain_user(file: Path) -> str:
    """What opening `file` says to a user without special rights: to root nothing is read-only."""
    code = f"""
import os
from pathlib import Path
from edgeyard.domain.error import UserError
from edgeyard.store.database import Database, sqlite_url
import sqlalchemy.dialects.sqlite.pysqlite  # while its file can still be read
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Database.open(sqlite_url(Path({str(file)!r})))
except UserError as error:
    print(error)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
