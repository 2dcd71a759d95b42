"""Who runs the site right now, and how its parts are: rows that everybody can read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from edgeyard.store.bound import bound, bound_name
from edgeyard.store.change import touch
from edgeyard.store.raw import fetch, fetch_locked, fetch_one, run

HUB_LEASE = "hub"
"""The lease that makes a hub the one active hub of its site."""


HUB_SILENT_AFTER_S = 15.0
"""The hub writes its status every few seconds; after this long it counts as away."""


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """How one part of the site is: `state` is ok, warning or down; `todo` says what to do when it is not ok."""

    component: str
    state: str
    text: str
    todo: str
    at: float


def take_lease(c: Connection, name: str, holder: str, ttl_s: float, now: float) -> bool:
    """Take or renew the lease until `now + ttl_s`; False while another holder's has not expired.

    One statement decides, so of two who try at once one gets it. The holders' clocks must agree to well under `ttl_s`.
    """
    before = current_holder(c, name, now)
    taken = run(
        c,
        "INSERT INTO lease (name, holder, expires_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET holder = excluded.holder, expires_at = excluded.expires_at"
        " WHERE lease.holder = excluded.holder OR lease.expires_at <= ?",
        (name, holder, now + ttl_s, now),
    )
    if taken and (before is None or before[0] != holder):
        touch(c, "status", now)
    return taken > 0


def release_lease(c: Connection, name: str, holder: str, now: float) -> None:
    """Give the lease back early, if it is still this holder's."""
    if run(c, "DELETE FROM lease WHERE name = ? AND holder = ?", (name, holder)):
        touch(c, "status", now)


def current_holder(c: Connection, name: str, now: float) -> tuple[str, float] | None:
    """Who holds the lease and until when, or `None` when nobody does."""
    row = fetch_one(c, "SELECT holder, expires_at FROM lease WHERE name = ? AND expires_at > ?", (name, now))
    return (row[0], row[1]) if row else None


def put_status(c: Connection, component: str, state: str, text: str, todo: str, now: float) -> None:
    """Say how a component is. Repeating it only moves its time; readers are called on a change of state or words."""
    before = fetch_locked(c, "SELECT state, text, todo FROM component_status WHERE component = ?", (component,))
    row = (bound_name(state), bound(text), bound(todo))
    run(
        c,
        "INSERT INTO component_status (component, state, text, todo, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (component) DO UPDATE SET state = excluded.state, text = excluded.text, todo = excluded.todo,"
        " at = excluded.at",
        (bound_name(component), *row, now),
    )
    if before != row:
        touch(c, "status", now)


def statuses(c: Connection) -> list[ComponentStatus]:
    """All components by name; `at` is when each last spoke, so an old one says that nobody watches it."""
    rows = fetch(c, "SELECT component, state, text, todo, at FROM component_status")
    return [ComponentStatus(*row) for row in sorted(rows)]
