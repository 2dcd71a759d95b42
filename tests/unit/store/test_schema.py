from __future__ import annotations

import pytest
from sqlalchemy import make_url

from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.store.schema import create_schema, drop_schema
from edgeyard.store.site import bump
from tests.unit.store.sample import NOW


def test_two_schemas_of_one_database_do_not_see_each_other(postgres_server: str) -> None:
    for name in ("demo_one", "demo_two"):
        database = Database.open(create_schema(postgres_server, name))
        with database.write() as c:
            assert bump(c, "count", NOW) == 1
        database.close()
    with pytest.raises(UserError, match="already in"):
        create_schema(postgres_server, "demo_one")
    for name in ("demo_one", "demo_two", "demo_two"):
        drop_schema(postgres_server, name)
    Database.open(create_schema(postgres_server, "demo_one")).close()
    drop_schema(postgres_server, "demo_one")


def test_what_cannot_be_done_is_said(postgres_server: str) -> None:
    with pytest.raises(ValueError, match="not a schema name"):
        create_schema(postgres_server, "x; DROP DATABASE postgres")
    with pytest.raises(UserError, match="is not PostgreSQL"):
        create_schema("sqlite:////tmp/x.db", "demo")
    nowhere = make_url(postgres_server).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(UserError, match="does not exist"):
        create_schema(nowhere, "demo")
