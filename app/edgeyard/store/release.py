"""Signed TUF metadata as bytes: the site's release repository, and one small director repository per device.

Names are TUF's: `timestamp.json`, `N.root.json`, `N.snapshot.json`, `N.targets.json`. What the bytes say is `trust`'s
business; here they are only kept, by role and version, so that "the latest" needs no parsing of JSON.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection

from edgeyard.store.raw import fetch, fetch_one, run

RELEASE = "release"
DIRECTOR = "director"

_NAME = re.compile(r"(?:([1-9][0-9]{0,17})\.)?(root|targets|snapshot|timestamp)\.json")

_PUT = (
    "INSERT INTO release_metadata (repo, device, role, version, data, changed_at) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (repo, device, role, version) DO UPDATE SET data = excluded.data, changed_at = excluded.changed_at"
)


def get_metadata(c: Connection, repo: str, device: str, name: str) -> bytes | None:
    """The file `name` of repository `release` (device empty) or `director`; `None` for one that is not there.

    Any text may be asked for: a name that is no metadata name is simply not there.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    row = fetch_one(
        c,
        "SELECT data FROM release_metadata WHERE repo = ? AND device = ? AND role = ? AND version = ?",
        (repo, device, match[2], int(match[1] or 0)),
    )
    return bytes(row[0]) if row else None


def put_metadata(c: Connection, repo: str, device: str, name: str, data: bytes, now: float) -> None:
    """Keep `data` as the file `name`. Raises `ValueError` for a name that is no metadata name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} names no TUF metadata")
    run(c, _PUT, (repo, device, match[2], int(match[1] or 0), data, now))


def latest(c: Connection, role: str, repo: str = RELEASE, device: str = "") -> bytes | None:
    """The newest metadata of `role` (root, targets, snapshot, timestamp), or `None`."""
    row = fetch_one(
        c,
        "SELECT data FROM release_metadata WHERE repo = ? AND device = ? AND role = ? ORDER BY version DESC LIMIT 1",
        (repo, device, role),
    )
    return bytes(row[0]) if row else None


def release_root(c: Connection) -> bytes | None:
    """The newest root of the release repository, or `None` before the site has one."""
    return latest(c, "root")


def put_director(
    c: Connection, device: str, version: int, targets: bytes, snapshot: bytes, timestamp: bytes, now: float
) -> None:
    """Replace the device's director metadata by `version`, which all three share.

    The version before stays too: a device that had just read the old timestamp still finds what it names.
    """
    for role, data in (("targets", targets), ("snapshot", snapshot)):
        run(c, _PUT, (DIRECTOR, device, role, version, data, now))
        run(
            c,
            "DELETE FROM release_metadata WHERE repo = ? AND device = ? AND role = ? AND version < ?",
            (DIRECTOR, device, role, version - 1),
        )
    run(c, _PUT, (DIRECTOR, device, "timestamp", 0, timestamp, now))


def director_devices(c: Connection) -> dict[str, float]:
    """Devices with director metadata, and when the timestamp of each was signed: the oldest expires first."""
    sql = "SELECT device, changed_at FROM release_metadata WHERE repo = ? AND role = 'timestamp'"
    return dict(fetch(c, sql, (DIRECTOR,)))
