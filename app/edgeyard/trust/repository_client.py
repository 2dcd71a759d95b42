"""One TUF repository as a device believes it: python-tuf's updater, made durable, judged at a given time.

python-tuf applies the rules (root chain, thresholds, versions, expiry, lengths and hashes). What is added here:
- files are synced; upstream replaces them atomically, but a power cut may leave an empty one, and with it no memory of
  versions: a way in for rollbacks;
- the time is an argument, for devices whose clock is wrong;
- every file is bounded by our own limit too, whatever signed metadata says of its length;
- what fails is named after the attack it would be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import make_folder, write_durably
from edgeyard.trust.refusal import Attack, MetadataUnavailableError, TooLongError, refused
from edgeyard.wire.limit import MAX_METADATA_BYTES

RepositoryName = Literal["release", "director"]
Fetch = Callable[[RepositoryName, str, int], bytes | None]
"""`(repository, file name, most bytes) -> content`, or `None` where there is no such file (HTTP 404).

Reads at most one byte more than `most bytes`, so that a longer file shows, or raises `TooLongError`. Its other errors
come through `refresh` as raised.
"""

_KIB = 1024
_LIMIT_BYTES = {"root": 256 * _KIB, "timestamp": 16 * _KIB, "snapshot": 256 * _KIB, "targets": MAX_METADATA_BYTES}
_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=_LIMIT_BYTES["root"],
    timestamp_max_length=_LIMIT_BYTES["timestamp"],
    snapshot_max_length=_LIMIT_BYTES["snapshot"],
    targets_max_length=_LIMIT_BYTES["targets"],
)
_BASE = "repository:/"


class RepositoryClient:
    """One refresh of one repository kept in `folder`. `extra` are fields its online roles must carry, signed."""

    def __init__(self, name: RepositoryName, folder: Path, root: bytes, fetch: Fetch, extra: dict[str, str]) -> None:
        self._name: RepositoryName = name
        self._folder = folder
        self._root = root
        self._fetcher = _Fetcher(name, fetch, extra)

    def refresh(self, now: datetime) -> VerifiedRepository | None:
        """Fetch and verify what is new at `now`; `None` when nothing was ever published here.

        Raises `RefusedError`, `MetadataUnavailableError`, `UserError` when the store cannot be used, and what the
        fetch function raises.
        """
        updater = self._open(now)
        try:
            updater.refresh()
        except DownloadHTTPError as error:
            self._check_missing(error)
            return None
        except RepositoryError as error:
            role = self._fetcher.role
            attack = self._attack(error, role, updater.root)
            raise refused(attack, f"The {self._name} repository's {role} does not verify: {error}.") from error
        return updater.verified

    def _open(self, now: datetime) -> _DurableUpdater:
        try:
            make_folder(self._folder / "root_history")
            return _DurableUpdater(self._folder, self._root, self._fetcher, now)
        except RepositoryError as error:
            raise UserError(
                f"This device's root of trust for the {self._name} repository is damaged.",
                "Join the site again with a new token.",
            ) from error
        except OSError as error:
            raise _store_trouble(self._folder, error) from error

    def _check_missing(self, error: DownloadHTTPError) -> None:
        """A file is not there: nothing was published yet, it is being changed (raises), or it is withheld (raises)."""
        if self._fetcher.role != "timestamp":
            raise MetadataUnavailableError(
                f"The {self._name} repository is incomplete at the moment ({error} is missing).",
                "It is asked again later. If this stays, check the hub's database.",
            ) from error
        if (self._folder / "timestamp.json").exists():
            raise refused(
                "freeze", f"The {self._name} repository is empty, but this device has seen it filled."
            ) from error

    def _attack(self, error: RepositoryError, role: str, root: Root) -> Attack:
        if isinstance(error, ExpiredMetadataError):
            return "freeze"
        if isinstance(error, BadVersionNumberError):
            return "mix-and-match" if role == "targets" else "rollback"
        if isinstance(error, LengthOrHashMismatchError) and self._is_signed(role, root):
            return "mix-and-match"
        if type(error) is RepositoryError and role == "snapshot":
            return "mix-and-match"  # a snapshot that no longer lists what an earlier one did
        return "arbitrary software"

    def _is_signed(self, role: str, root: Root) -> bool:
        """Whether the refused bytes are genuine, though not those that belong here: the two cases differ for people."""
        try:
            offered: Metadata[Targets] = Metadata.from_bytes(self._fetcher.data)
            root.verify_delegate(role, offered.signed_bytes, offered.signatures)
        except (RepositoryError, UnsignedMetadataError, ValueError):
            return False
        return True


class VerifiedRepository:
    """The four roles after a refresh that went well."""

    def __init__(self, roles: tuple[Root, Timestamp, Targets], expires: datetime) -> None:
        self.root, self.timestamp, self.targets = roles
        self.expires = expires
        """The first moment at which one of the four is expired."""


class _DurableUpdater(Updater):
    def __init__(self, folder: Path, root: bytes, fetcher: FetcherInterface, now: datetime) -> None:
        super().__init__(str(folder), _BASE, fetcher=fetcher, config=_CONFIG, bootstrap=root)
        self._trusted_set.reference_time = now

    @property
    def root(self) -> Root:
        """The newest root that is believed."""
        return self._trusted_set.root

    @property
    def verified(self) -> VerifiedRepository:
        trusted = self._trusted_set
        expires = min(role.expires for role in (trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets))
        return VerifiedRepository((trusted.root, trusted.timestamp, trusted.targets), expires)

    def _persist_file(self, filename: str, data: bytes) -> None:
        path = Path(filename)
        # The first root is handed in again at every start: it must not wear the flash out.
        try:
            if not path.exists() or path.read_bytes() != data:
                write_durably(path, data)
        except OSError as error:
            raise _store_trouble(path.parent, error) from error

    def _update_root_symlink(self) -> None:
        """Nothing: the link serves those who begin without a root of their own, and cannot be replaced atomically."""


class _Fetcher(FetcherInterface):
    """Hands python-tuf's requests to our own fetch function, and remembers the last one for the words of a refusal."""

    def __init__(self, name: RepositoryName, fetch: Fetch, extra: dict[str, str]) -> None:
        self.role = "root"
        self.data = b""
        self._name: RepositoryName = name
        self._fetch_file = fetch
        self._extra = extra

    def download_bytes(self, url: str, max_length: int) -> bytes:
        name = url.removeprefix(_BASE)
        self.role, self.data = name.removesuffix(".json").rpartition(".")[2], b""
        limit_bytes = min(max_length, _LIMIT_BYTES[self.role])
        too_long = refused("endless data", f"{name} of the {self._name} repository is over {limit_bytes} bytes.")
        try:
            data = self._fetch_file(self._name, name, limit_bytes)
        except TooLongError as error:
            raise too_long from error
        if data is None:
            raise DownloadHTTPError(name, 404)
        if len(data) > limit_bytes:
            raise too_long
        self.data = data
        if self.role != "root":
            self._check_extra(name, data)
        return data

    def _check_extra(self, name: str, data: bytes) -> None:
        """Refuse what is meant for someone else before python-tuf keeps it; that it is signed is checked after this."""
        if not self._extra:
            return
        try:
            signed = json.loads(data)["signed"]
            found = {field: signed.get(field) for field in self._extra}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise refused("arbitrary software", f"{name} of the {self._name} repository is no metadata.") from error
        if found != self._extra:
            raise refused("mix-and-match", f"{name} of the {self._name} repository is not meant for this device.")

    def _fetch(self, url: str) -> Iterator[bytes]:
        return iter((self.download_bytes(url, MAX_METADATA_BYTES),))


def _store_trouble(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"The trusted metadata in {folder} cannot be kept ({error.strerror or error}).",
        "Check that the disk has room and that the folder belongs to the agent's user.",
    )
