"""What every action works with: one site, its database, its hub, this operator's keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.commands.hub_client import HubClient
from edgeyard.commands.operator_identity import OperatorIdentity, join_with_first_token, load_identity
from edgeyard.commands.settings import Settings
from edgeyard.commands.site_database import open_site_database
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.store.database import Database
from edgeyard.trust.key_vault import KeyVault


@dataclass(slots=True)
class Workspace:
    """An open site. `clock` is the source of Unix seconds, so that tests can move it. Usable from several threads."""

    folder: SiteFolder
    settings: Settings
    database: Database
    vault: KeyVault
    clock: Callable[[], float] = time.time
    _identity: OperatorIdentity | None = field(default=None, repr=False)

    @staticmethod
    def open(folder: SiteFolder, settings: Settings) -> Workspace:
        """Open the site's database and key vault. Raises `UserError` when the database cannot be used."""
        folder.make()
        return Workspace(folder, settings, open_site_database(folder, settings), KeyVault(folder.operator))

    def identity(self) -> OperatorIdentity:
        """This operator, joined on first use with the token of a hub on this machine. Raises `UserError`."""
        if self._identity is None:
            self._identity = load_identity(self.folder) or join_with_first_token(self.folder)
        if self._identity is None:
            raise UserError(
                "This machine has not joined the site as an operator.",
                "Start the hub here, or make a token on the hub's machine: edgeyard hub token --role operator.",
            )
        return self._identity

    @property
    def operator_name(self) -> str:
        """The operator's certificate name, or the empty text before joining; no network."""
        identity = self._identity or load_identity(self.folder)
        return identity.name if identity else ""

    def hub(self) -> HubClient:
        """A client for the hub as this operator; close it after use. Raises `UserError`."""
        return self.identity().connect()

    def close(self) -> None:
        """Close the database."""
        self.database.close()
