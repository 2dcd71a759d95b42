"""What a person reads when PostgreSQL cannot be reached, on a real server and on addresses where there is none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.store.site import create_site
from tests.unit.store.sample import NOW


def words_of(url: str) -> UserError:
    with pytest.raises(UserError) as caught:
        Database.open(url)
    assert caught.value.todo
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.fixture
def locked_user(postgres_server: str) -> Iterator[str]:
    """A URL without password of a user who needs one."""
    engine = create_engine(make_url(postgres_server), isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        rules = Path(str(c.execute(text("SHOW hba_file")).scalar()))
        before = rules.read_text("utf-8")
        c.execute(text("CREATE ROLE locked LOGIN PASSWORD 'right'"))
        rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{before}", "utf-8")
        c.execute(text("SELECT pg_reload_conf()"))
        time.sleep(0.3)  # the server reads its rules soon after it was told to
        url = make_url(postgres_server).set(username="locked")
        yield url.render_as_string(hide_password=False)
        rules.write_text(before, "utf-8")
        c.execute(text("SELECT pg_reload_conf()"))
        c.execute(text("DROP ROLE locked"))
    engine.dispose()


def test_a_wrong_or_missing_password_says_so(locked_user: str) -> None:
    wrong = make_url(locked_user).set(password="secret").render_as_string(hide_password=False)
    assert "refused the user name or password" in words_of(wrong).what
    assert "refused the user name or password" in words_of(locked_user).what


def test_a_user_without_rights_says_so(locked_user: str) -> None:
    url = make_url(locked_user).set(password="right").render_as_string(hide_password=False)
    assert "may not change" in words_of(url).what


def test_a_database_or_user_that_does_not_exist_says_so(postgres_server: str) -> None:
    url = make_url(postgres_server)
    assert "does not exist" in words_of(url.set(database="nowhere").render_as_string(hide_password=False)).what


def test_a_server_that_is_not_there_says_so() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = words_of(f"postgresql://edgeyard:secret@127.0.0.1:{port}/edgeyard")
    assert error.what == f"Nothing answers at the database address edgeyard@127.0.0.1:{port}/edgeyard."
    assert "not known" in words_of("postgresql://edgeyard:secret@no-such-host.invalid/edgeyard").what


def test_a_server_that_never_answers_is_given_up_after_five_seconds() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        started = time.monotonic()
        error = words_of(f"postgresql://edgeyard:secret@127.0.0.1:{mute.getsockname()[1]}/edgeyard")
        assert time.monotonic() - started < 15
    assert "did not answer within 5 seconds" in error.what


def test_a_connection_that_breaks_says_so_and_the_next_one_works(postgres_url: str) -> None:
    database = Database.open(postgres_url)
    with pytest.raises(UserError, match=r"connection to the database .* broke"), database.write() as c:
        _end_own_session(c.connection.dbapi_connection.info.backend_pid, postgres_url)  # type: ignore[union-attr]
        create_site(c, "demo", NOW)
    with database.write() as c:
        create_site(c, "demo", NOW)
    database.close()


def test_a_row_that_another_holds_too_long_says_so(postgres_url: str) -> None:
    database = Database.open(postgres_url, busy_timeout_s=0.3)
    with database.write() as holder:
        create_site(holder, "demo", NOW)
        with pytest.raises(UserError, match="locked by another program"), database.write() as c:
            create_site(c, "demo", NOW)
    database.close()


def _end_own_session(pid: int, url: str) -> None:
    engine = create_engine(make_url(url))
    with engine.connect() as c:
        c.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    engine.dispose()
