"""Where everything of one site lies on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from edgeyard.domain.error import UserError


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """The folder of one site: settings, database, hub secrets, artifacts, operator keys, logs."""

    root: Path

    @staticmethod
    def default() -> SiteFolder:
        """The site folder in the user's data directory."""
        return SiteFolder(Path(platformdirs.user_data_dir("edgeyard", appauthor=False)) / "site")

    @property
    def settings_file(self) -> Path:
        """TOML, written by the settings page or by hand."""
        return self.root / "settings.toml"

    @property
    def database_file(self) -> Path:
        """SQLite, unless the settings name another database."""
        return self.root / "edgeyard.db"

    @property
    def hub(self) -> Path:
        """CA, server certificate and online signing keys; mode 0700."""
        return self.root / "hub"

    @property
    def broker(self) -> Path:
        """Configuration, certificates and persistence of the supervised broker."""
        return self.root / "broker"

    @property
    def artifacts(self) -> Path:
        """Files by SHA-256, as served to devices."""
        return self.root / "artifacts"

    @property
    def library(self) -> Path:
        """Imported models and their data sets, one folder per source digest; never served to devices."""
        return self.root / "library"

    @property
    def operator(self) -> Path:
        """This machine's operator identity and sealed signing keys."""
        return self.root / "operator"

    @property
    def first_token_file(self) -> Path:
        """One-time operator token that the hub leaves for the first desktop on its own machine."""
        return self.operator / "first-token"

    @property
    def jobs(self) -> Path:
        """Working folders of optimization jobs."""
        return self.root / "jobs"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.root / "log"

    def make(self) -> None:
        """Create the folder and its parts; secrets' folders are private. Raises `UserError` when that fails."""
        try:
            for folder in (self.root, self.artifacts, self.library, self.jobs, self.logs, self.broker):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.hub, self.operator):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The site folder {self.root} cannot be written ({error.strerror}).",
                "Choose another folder with --site, or correct its permissions or the space on its disk.",
            ) from error
