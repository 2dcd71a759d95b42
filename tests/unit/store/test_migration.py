from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from edgeyard.domain.error import UserError
from edgeyard.store import tables
from edgeyard.store.database import Database, sqlite_url
from edgeyard.store.raw import fetch
from edgeyard.store.revision import CURRENT_REVISION, REVISION_TABLE
from edgeyard.store.upgrade import alembic_config


def test_the_migrated_schema_is_the_one_of_the_tables(database: Database) -> None:
    with database.read() as c:
        options = {"version_table": REVISION_TABLE, "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(c, opts=options), tables.metadata) == []


def test_constraints_have_the_names_of_the_tables_too(database: Database) -> None:
    with database.read() as c:
        inspector = inspect(c)
        for table in tables.metadata.sorted_tables:
            named = {str(constraint.name) for constraint in table.constraints if list(constraint.columns)}
            found = {inspector.get_pk_constraint(table.name)["name"]}
            found |= {constraint["name"] for constraint in inspector.get_unique_constraints(table.name)}
            found |= {constraint["name"] for constraint in inspector.get_foreign_keys(table.name)}
            # SQLite has no room for a name beside AUTOINCREMENT.
            unnamed = {f"pk_{table.name}"} if table.dialect_options["sqlite"]["autoincrement"] else set()
            assert {str(name) for name in found if name} | unnamed == named | unnamed


def test_ids_that_leave_a_sqlite_database_are_never_given_twice(tmp_path: Path) -> None:
    database = Database.open(sqlite_url(tmp_path / "edgeyard.db"))
    with database.read() as c:
        rows = fetch(c, "SELECT name FROM sqlite_master WHERE instr(sql, 'AUTOINCREMENT') > 0")
    declared = {
        table.name for table in tables.metadata.sorted_tables if table.dialect_options["sqlite"]["autoincrement"]
    }
    assert {row[0] for row in rows} == declared
    database.close()


def test_the_current_revision_is_the_newest_script() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [CURRENT_REVISION]


def test_a_current_database_opens_without_importing_alembic(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "edgeyard.db")
    Database.open(url).close()
    code = f"""
import sys
from edgeyard.store.database import Database
Database.open({url!r})
print('alembic' in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_programs_that_open_a_fresh_database_at_once_all_succeed(url: str) -> None:
    code = f"""
from edgeyard.store.database import Database
print("ready", flush=True)
input()
database = Database.open({url!r})
with database.write() as c:
    from edgeyard.store.site import bump
    print(bump(c, "opened", 0.0), flush=True)
"""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    answers = [program.communicate(timeout=60) for program in programs]
    assert sorted(out for out, _ in answers) == ["1\n", "2\n", "3\n", "4\n"], answers


def test_threads_that_open_a_fresh_database_at_once_all_succeed(url: str) -> None:
    together = threading.Barrier(4)
    troubles: list[UserError] = []

    def open_it() -> None:
        together.wait()
        try:
            Database.open(url).close()
        except UserError as error:
            troubles.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_an_upgrade_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    original = op.create_table

    def stumble(name: str, *columns: object, **options: object) -> object:
        if name == "wave":
            raise ZeroDivisionError
        return original(name, *columns, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(op, "create_table", stumble)
    with pytest.raises(ZeroDivisionError):
        Database.open(url)
    monkeypatch.undo()
    Database.open(url).close()


def test_a_new_revision_can_be_written_from_the_tables(database: Database, tmp_path: Path) -> None:
    config = alembic_config()
    config.set_main_option("version_locations", f"{config.get_main_option('version_locations')}\n{tmp_path}")
    with database.write() as c:
        config.attributes["connection"] = c
        command.revision(config, "nothing", autogenerate=True, rev_id="9999", version_path=str(tmp_path))
    written = (tmp_path / "9999_nothing.py").read_text("utf-8")
    assert f"down_revision = '{CURRENT_REVISION}'" in written
    assert "def upgrade() -> None:" in written
    assert "op." not in written
