"""A hub for a site that has none: started as a child of the desktop, on the machine where the site's folder is."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from edgeyard.commands.child_process import ChildProcesses, edgeyard_command
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_database import open_site_database
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.store.lease import HUB_LEASE, current_holder


@dataclass(slots=True)
class LocalHub:
    """Looks once, in a thread of its own, whether the site needs a hub from us, and keeps one running if it does."""

    folder: SiteFolder
    settings: Settings
    children: ChildProcesses = field(default_factory=ChildProcesses)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Return at once; the hub comes up by itself."""
        self._thread = threading.Thread(target=self._start_if_needed, name="local hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the hub if it is ours; devices keep running their models."""
        if self._thread is not None:
            self._thread.join()
        self.children.stop()

    def _start_if_needed(self) -> None:
        if belongs_here(self.folder, self.settings) and not _has_hub(self.folder, self.settings):
            command = edgeyard_command("hub", "run", "--site", str(self.folder.root), "--exit-with-parent")
            self.children.start("hub", command, self.folder.logs / "hub-output.log")


def belongs_here(folder: SiteFolder, settings: Settings) -> bool:
    """Whether the site's hub is to run on this machine: it holds the site's authority, or the site is all local."""
    return (folder.hub / "ca.key").exists() or not settings.database_url


def _has_hub(folder: SiteFolder, settings: Settings) -> bool:
    if not settings.database_url and not folder.database_file.exists():
        return False
    try:
        database = open_site_database(folder, settings)
    except UserError:
        # The window says what is wrong with the database; a hub could not use it either.
        return True
    try:
        with database.read() as connection:
            return current_holder(connection, HUB_LEASE, time.time()) is not None
    finally:
        database.close()
