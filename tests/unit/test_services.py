"""Missing services are seen: as skips on somebody's machine, as failures in CI."""

import tempfile
from pathlib import Path

import psycopg
import pytest

from tests import services
from tests.postgres import temporary_postgres
from tests.services import ServiceMissing, require


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> Path:
        raise ServiceMissing("it is not installed: apt install it")

    monkeypatch.setitem(services._SERVICES, "mosquitto", nowhere)


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_service_skips_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEYARD_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt install it"):
        require("mosquitto")


@pytest.mark.usefixtures("nothing_installed")
def test_where_services_are_required_a_missing_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEYARD_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="apt install it"):
        require("mosquitto")


def test_the_newest_postgresql_that_is_not_on_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    (tmp_path / "18" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(services, "Path", lambda _: tmp_path)
    assert services.postgres_folder() == tmp_path / "17" / "bin"


def test_a_temporary_postgres_answers_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    require("postgresql")
    folders: list[Path] = []
    make_folder = tempfile.mkdtemp

    def noted(prefix: str) -> str:
        folders.append(Path(make_folder(prefix=prefix)))
        return str(folders[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    with temporary_postgres() as url:
        plain = url.replace("postgresql+psycopg:", "postgresql:")
        with psycopg.connect(plain) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(plain, connect_timeout=2)
    assert [folder.exists() for folder in folders] == [False]


def test_two_temporary_servers_do_not_meet() -> None:
    require("postgresql")
    with temporary_postgres() as one, temporary_postgres() as other:
        assert one != other
