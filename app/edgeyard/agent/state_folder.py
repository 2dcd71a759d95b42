"""Where a device keeps what makes it itself: identity, keys, trusted metadata, models, what is still to be reported."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import write_durably
from edgeyard.wire.message import Identifier


class Identity(Struct, frozen=True):
    """Who this device is on which site. Written last in a join: while it is missing, the device has not joined."""

    site: Identifier
    device: Identifier
    hardware_profile: str
    hub_url: str
    mqtt_host: str
    mqtt_port: int
    labels: dict[str, str] = {}
    joined_at: float = 0.0


class StateFolder:
    """Paths in a device's state folder, and its identity."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.identity_file = root / "identity.json"
        self.key_file = root / "device.key"
        self.certificate_file = root / "device.pem"
        self.ca_file = root / "ca.pem"
        self.trust = root / "trust"
        self.release_root_file = self.trust / "release-root.json"
        self.director_root_file = self.trust / "director-root.json"
        self.time_floor_file = root / "time-floor"
        self.slots = root / "slots"
        self.downloads = root / "downloads"
        self.lab = root / "lab"
        self.lab_file = root / "lab.json"
        self.update_file = root / "update.json"
        self.counters_file = root / "counters.json"
        self.outbox_file = root / "outbox.db"
        self.lock_file = root / "lock"
        self.logs = root / "log"

    def has_identity(self) -> bool:
        """Whether this device has joined a site."""
        return self.identity_file.exists()

    def read_identity(self) -> Identity:
        """Who this device is; raises `UserError` when it has not joined, or when that can no longer be read."""
        try:
            return msgspec.json.decode(self.identity_file.read_bytes(), type=Identity)
        except FileNotFoundError as error:
            raise UserError(
                f"{self.root} is not the state folder of a device that has joined a site.",
                "Join first: edgeyard agent join --state FOLDER --token TOKEN --id NAME --profile PROFILE.",
            ) from error
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"The identity of this device cannot be read ({error}).",
                f"Restore {self.identity_file} from a backup, or empty {self.root} and join again with a new token.",
            ) from error

    def read_file(self, path: Path) -> bytes:
        """A file without which the device cannot speak to its site; raises `UserError` naming it."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise UserError(
                f"{path.name} cannot be read ({error.strerror}); without it the device cannot reach its site.",
                f"Restore {path} from a backup, or empty {self.root} and join again with a new token.",
            ) from error

    def prepare(self) -> None:
        """Make the folders and remove what interrupted writes left behind; the lock is held."""
        for folder in (self.trust, self.slots, self.downloads, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        for pattern in (".*.json.*", ".device.*", ".ca.*", ".time-floor.*"):
            for folder in (self.root, self.trust, self.slots, *self.slots.glob("*/")):
                for leftover in folder.glob(pattern):
                    leftover.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> Path:
        """Move a damaged file out of the way, keeping the latest such for a person to look at."""
        kept = path.with_name(path.name + ".damaged")
        with contextlib.suppress(OSError):
            path.replace(kept)
        return kept

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Write a file of this folder durably."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data, mode)

    def free_bytes(self) -> int:
        """Free space on the folder's disk, in bytes."""
        return shutil.disk_usage(self.root).free
