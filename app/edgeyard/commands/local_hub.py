"""A hub for a site that has none: started as a child of the desktop, on the machine where the site's folder is.

A hub that was killed leaves its lease behind for some seconds. Whether its holder lives shows when it renews it, so a
held lease is watched until it is renewed or has run out. A hub that ends later is left to whoever ran it: its service
may be in the middle of an update.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.commands.child_process import ChildProcesses, edgeyard_command
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_database import open_site_database
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.store.lease import HUB_LEASE, current_holder

_LOOK_EVERY_S = 2.0


@dataclass(slots=True)
class LocalHub:
    """Finds out, in a thread of its own, whether the site needs a hub from us, and keeps one running if it does."""

    folder: SiteFolder
    settings: Settings
    children: ChildProcesses = field(default_factory=ChildProcesses)
    clock: Callable[[], float] = time.time
    look_every_s: float = _LOOK_EVERY_S
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Return at once; the hub comes up by itself."""
        self._thread = threading.Thread(target=self._start_if_needed, name="local hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the hub if it is ours; devices keep running their models."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.children.stop()

    def _start_if_needed(self) -> None:
        if belongs_here(self.folder, self.settings) and self._is_needed():
            command = edgeyard_command("hub", "run", "--site", str(self.folder.root), "--exit-with-parent")
            self.children.start("hub", command, self.folder.logs / "hub-output.log")

    def _is_needed(self) -> bool:
        """Wait until it is known whether a hub lives: its lease is renewed, taken over, or runs out."""
        seen: tuple[str, float] | None = None
        while not self._stopping.is_set():
            try:
                held = self._lease()
            except UserError:
                # The window says what is wrong with the database; a hub could not use it either.
                held = seen
            else:
                if held is None:
                    return True
                if seen is not None and held != seen:
                    return False
            seen = held
            self._stopping.wait(self.look_every_s)
        return False

    def _lease(self) -> tuple[str, float] | None:
        if not self.settings.database_url and not self.folder.database_file.exists():
            return None
        database = open_site_database(self.folder, self.settings)
        try:
            with database.read() as connection:
                return current_holder(connection, HUB_LEASE, self.clock())
        finally:
            database.close()


def belongs_here(folder: SiteFolder, settings: Settings) -> bool:
    """Whether the site's hub is to run on this machine: it holds the site's authority, or the site is all local."""
    return (folder.hub / "ca.key").exists() or not settings.database_url
