"""What every page and panel of one window is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.desktop.action import Action
from edgeyard.desktop.bridge import Bridge
from edgeyard.desktop.drag import DropPlace
from edgeyard.desktop.edit import EditHistory
from edgeyard.desktop.fleet_feed import FleetFeeds
from edgeyard.desktop.memory import Memory
from edgeyard.desktop.page import Place
from edgeyard.domain.error import UserError


@dataclass(frozen=True, slots=True)
class Notice:
    """A line at the foot of the window that goes away by itself. `severity` is `info`, `attention` or `alarm`."""

    text: str
    todo: str = ""
    severity: str = "info"
    action: Action | None = None

    @staticmethod
    def of(error: UserError) -> Notice:
        """The notice of a refused or failed act; it stays until it is closed."""
        return Notice(error.what, error.todo, "attention")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Desk:
    """One window's tools. `go` shows a place and adds it to the history, `say` shows a notice."""

    bridge: Bridge
    feeds: FleetFeeds
    edits: EditHistory
    drop: DropPlace
    memory: Memory
    folder: SiteFolder
    settings: Settings
    window: QWidget
    go: Callable[[Place], None]
    say: Callable[[Notice], None]
    show_jobs: Callable[[], None]

    def complain(self, error: UserError) -> None:
        """Show what went wrong and what to do: the usual `failed` argument of `bridge.run`."""
        self.say(Notice.of(error))
