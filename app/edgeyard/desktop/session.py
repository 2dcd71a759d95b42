"""What all windows of this process share: the site, its feeds, the history of edits, the theme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.edit import EditHistory
from edgeyard.desktop.fleet_feed import FleetFeeds
from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.memory import Memory


@dataclass(frozen=True, slots=True)
class Session:
    """One per process."""

    bridge: Bridge
    feeds: FleetFeeds
    edits: EditHistory
    memory: Memory
    theme: Theme
    folder: SiteFolder
    settings: Settings
    open_window: Callable[[], object]
