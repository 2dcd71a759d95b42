"""A throw-away PostgreSQL server for tests: made in a temporary folder, gone afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.free_port import free_port
from tests.services import ServiceMissing, postgres_folder

_START_ATTEMPTS = 5
_TIMEOUT_S = 60
_USER = "edgeyard"
# What a crash of the machine would cost does not matter to a cluster that lives for minutes.
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = '32MB'
max_connections = 60
timezone = 'UTC'
log_timezone = 'UTC'
"""


class PostgresStartError(RuntimeError):
    """PostgreSQL is installed but did not start; the message holds its own words."""


@contextlib.contextmanager
def temporary_postgres() -> Iterator[str]:
    """Run a server of its own on a free port of 127.0.0.1 and give its URL (`postgresql+psycopg://…`).

    It refuses to run as root; where the tests run as root it runs as the user `postgres`.

    Raises:
        ServiceMissing: PostgreSQL or its user is not on this machine.
        PostgresStartError: it is, and did not start.
    """
    programs = postgres_folder()
    owner = _owner()
    folder = Path(tempfile.mkdtemp(prefix="edgeyard-postgres-"))
    try:
        if owner:
            shutil.chown(folder, user=owner, group=owner)
        cluster = _Cluster(programs, folder, owner)
        cluster.make()
        port = cluster.start()
        try:
            yield f"postgresql+psycopg://{_USER}@127.0.0.1:{port}/postgres"
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """The user who has to own the server if it cannot be ours."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise ServiceMissing("there is no user postgres to run PostgreSQL as: apt install postgresql") from None


class _Cluster:
    def __init__(self, programs: Path, folder: Path, owner: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "server.log"
        self._owner = owner

    def make(self) -> None:
        options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", f"--username={_USER}"]
        problem = self._run("initdb", *options, f"--pgdata={self._data}")
        if problem:
            raise PostgresStartError(f"initdb failed: {problem}")

    def start(self) -> int:
        """Start on a port that was free a moment ago; on another one if somebody took it since."""
        problem = ""
        for _ in range(_START_ATTEMPTS):
            port = free_port()
            (self._data / "postgresql.auto.conf").write_text(_SETTINGS.format(port=port), "utf-8")
            self._log.unlink(missing_ok=True)
            problem = self._run("pg_ctl", "start", "-w", "-t", str(_TIMEOUT_S), "-D", self._data, "-l", self._log)
            if not problem:
                return port
            if self._log.exists():
                problem = self._log.read_text("utf-8", "replace").strip()
            if "could not create any TCP/IP sockets" not in problem:
                break
        raise PostgresStartError(f"PostgreSQL did not start: {problem}")

    def stop(self) -> None:
        problem = self._run("pg_ctl", "stop", "-w", "-t", str(_TIMEOUT_S), "-m", "fast", "-D", self._data)
        if problem:
            self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def _run(self, program: str, *args: str | Path) -> str:
        """Run one of PostgreSQL's programs; gives what it complained of, nothing if all went well."""
        # A file, not a pipe: the server inherits it and would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            code = subprocess.run(
                [self._programs / program, *args],
                cwd=self._folder,
                env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._owner,
                group=self._owner,
                extra_groups=[] if self._owner else None,
                check=False,
                timeout=2 * _TIMEOUT_S,
            ).returncode
            output.seek(0)
            words = output.read().decode("utf-8", "replace").strip()
        return (words or f"exit code {code}") if code else ""
