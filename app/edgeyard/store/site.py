"""What is true of the whole site: its name, and small values kept under a key."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier
from edgeyard.store.raw import fetch, fetch_one, lock_name, run


@dataclass(frozen=True, slots=True)
class SiteRow:
    """The site this database belongs to."""

    name: str
    created_at: float


def get_site(c: Connection) -> SiteRow | None:
    """The site, or `None` before its first start."""
    row = fetch_one(c, "SELECT name, created_at FROM site")
    return SiteRow(*row) if row else None


def create_site(c: Connection, name: str, now: float) -> SiteRow:
    """Name the site once. Naming it the same again changes nothing; another name raises `UserError`."""
    check_identifier(name, "site name")
    lock_name(c, "site")
    existing = get_site(c)
    if existing is None:
        run(c, "INSERT INTO site (name, created_at) VALUES (?, ?)", (name, now))
        return SiteRow(name, now)
    if existing.name != name:
        raise UserError(
            f"This database belongs to the site {existing.name!r}, not to {name!r}.",
            "Correct the site's name in the settings, or choose another database.",
        )
    return existing


def get_blob(c: Connection, key: str) -> bytes | None:
    """The bytes kept under `key`, or `None`."""
    row = fetch_one(c, "SELECT data FROM site_value WHERE key = ?", (key,))
    return bytes(row[0]) if row else None


def put_blob(c: Connection, key: str, data: bytes, now: float) -> None:
    """Keep `data` under `key`, in place of what was there."""
    run(
        c,
        "INSERT INTO site_value (key, data, number, changed_at) VALUES (?, ?, 0, ?) ON CONFLICT (key) DO UPDATE"
        " SET data = excluded.data, changed_at = excluded.changed_at",
        (key, data, now),
    )


def bump(c: Connection, key: str, now: float) -> int:
    """Count one up under `key` and return the new number; the first is 1. No two callers get the same."""
    rows = fetch(
        c,
        "INSERT INTO site_value (key, data, number, changed_at) VALUES (?, ?, 1, ?) ON CONFLICT (key) DO UPDATE"
        " SET number = site_value.number + 1, changed_at = excluded.changed_at RETURNING number",
        (key, b"", now),
    )
    return int(rows[0][0])
