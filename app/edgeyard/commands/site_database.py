"""Which database a site has: the one in its settings, or SQLite in its folder."""

from __future__ import annotations

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.store.database import Database, sqlite_url


def open_site_database(folder: SiteFolder, settings: Settings) -> Database:
    """Open the site's database. Raises `UserError` when it cannot be used."""
    return Database.open(settings.database_url or sqlite_url(folder.database_file))
