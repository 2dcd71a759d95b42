"""What the parts of a running hub share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.hub.broker import BrokerPlan
from edgeyard.hub.lease_guard import LeaseGuard
from edgeyard.hub.release_desk import ReleaseDesk
from edgeyard.hub.server_identity import ServerIdentity
from edgeyard.hub.status_board import StatusBoard
from edgeyard.store.database import Database


def _nothing() -> None:
    """Nobody listens yet."""


@dataclass(slots=True)
class HubState:
    """One active hub. All writes go through `lease.write()`; `clock` is Unix seconds."""

    folder: SiteFolder
    settings: Settings
    site: str
    database: Database
    lease: LeaseGuard
    board: StatusBoard
    identity: ServerIdentity
    broker: BrokerPlan
    releases: ReleaseDesk
    director_root: bytes
    clock: Callable[[], float] = time.time
    wake: Callable[[], None] = field(default=_nothing)
    """Tells the reconciler that something changed."""
    access_changed: Callable[[], None] = field(default=_nothing)
    """Tells the broker's keeper that an operator joined or a device was revoked."""
