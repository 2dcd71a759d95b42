"""What a device believes: the release repository and its own director, held against each other.

Rules, as in the Uptane standard for a full verification:
1. Each repository is verified by TUF (python-tuf): root chain, timestamp, snapshot, targets; versions never fall,
   nothing is expired at the effective time, lengths and hashes chain from the timestamp down.
2. The director's targets are for this device, and name at most one file.
3. The release names the same path with equal length and hash: the director can invent nothing.
4. Both name this device's hardware profile, and the release counter is not below what the device has had of that model,
   unless the director asks for the way back, which leads only to files that are still released.
Verified metadata is kept durably; a crash leaves the old or the new file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.fetcher import FetcherInterface

from edgeyard.domain.error import UserError
from edgeyard.trust.director import DEVICE_FIELD
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.refusal import Attack, RefusedError
from edgeyard.trust.tuf_metadata import SIGNED_AT
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES, MAX_METADATA_BYTES
from edgeyard.wire.message import DirectorCustom, ReleaseCustom

Repository = Literal["release", "director"]
Fetch = Callable[[Repository, str, int], bytes | None]
"""`(repository, file name, most bytes) -> content`, or `None` where there is no such file; raises `UserError`."""

_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=0,
    root_max_length=256 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=256 * 1024,
    targets_max_length=MAX_METADATA_BYTES,
)


@dataclass(frozen=True, slots=True)
class GoldenTarget:
    """The self-test set of a release: an own signed target."""

    path: str
    sha256: str
    size_bytes: int
    samples: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """What both repositories agree this device should run."""

    target_path: str
    sha256: str
    size_bytes: int
    release: ReleaseCustom
    director: DirectorCustom
    director_version: int
    golden: GoldenTarget | None


class TrustedStore:
    """A device's trusted metadata of both repositories, in `folder/release` and `folder/director`."""

    def __init__(self, folder: Path, release_root: bytes, director_root: bytes, device: str) -> None:
        self._roots: dict[Repository, bytes] = {"release": release_root, "director": director_root}
        self._folders: dict[Repository, Path] = {"release": folder / "release", "director": folder / "director"}
        self._device = device
        self.signed_at = 0.0
        """The latest signing time seen in verified metadata (Unix seconds): raise the time floor to it."""
        self.director_version = 0
        """Version of the director's metadata at the last refresh."""

    def refresh(self, fetch: Fetch, now: datetime) -> Assignment | None:
        """Verify both repositories at the effective time `now`; `None` when nothing is assigned.

        Raises `RefusedError` for what must not be believed, and `UserError` when the hub cannot be reached.
        """
        director = self._refresh("director", fetch, now)
        signed = director.trusted.targets
        self.director_version = signed.version
        if signed.unrecognized_fields.get(DEVICE_FIELD) != self._device:
            raise RefusedError("mix-and-match", "The assignment is for another device.", "Check the hub's director.")
        if not signed.targets:
            return None
        if len(signed.targets) > 1:
            raise RefusedError("arbitrary software", "The assignment names more than one model.", "Check the hub.")
        release = self._refresh("release", fetch, now)
        ((path, wanted),) = signed.targets.items()
        return self._agree(path, wanted, release, signed.version)

    def _refresh(self, repository: Repository, fetch: Fetch, now: datetime) -> _DurableUpdater:
        folder = self._folders[repository]
        folder.mkdir(parents=True, exist_ok=True)
        fetcher = _Fetcher(repository, fetch)
        try:
            updater = _DurableUpdater(folder, self._roots[repository], fetcher, now)
            updater.refresh()
        except DownloadLengthMismatchError as error:
            raise _refused("endless data", f"A file of the {repository} repository is longer than allowed.") from error
        except DownloadError as error:
            raise _cause_of(error, repository) from error
        except RepositoryError as error:
            raise _refused(_attack(error), f"The {repository} repository does not verify: {error}.") from error
        signed_at = updater.trusted.timestamp.unrecognized_fields.get(SIGNED_AT)
        if isinstance(signed_at, int | float):
            self.signed_at = max(self.signed_at, float(signed_at))
        return updater

    def _agree(self, path: str, wanted: TargetFile, release: _DurableUpdater, version: int) -> Assignment:
        released = release.trusted.targets.targets.get(path)
        if released is None:
            raise _refused("arbitrary software", f"{path} is assigned, but no approver released it.")
        if (released.length, released.hashes) != (wanted.length, wanted.hashes) or "sha256" not in released.hashes:
            raise _refused("mix-and-match", f"{path} differs between the release and the assignment.")
        if released.length > MAX_ARTIFACT_BYTES:
            raise _refused("endless data", f"{path} is over {MAX_ARTIFACT_BYTES} bytes.")
        try:
            release_custom = msgspec.convert(released.custom, ReleaseCustom)
            director_custom = msgspec.convert(wanted.custom, DirectorCustom)
        except msgspec.ValidationError as error:
            raise _refused("arbitrary software", f"The description of {path} cannot be used: {error}.") from error
        golden = self._golden(release_custom, release)
        sha256 = released.hashes["sha256"]
        return Assignment(path, sha256, released.length, release_custom, director_custom, version, golden)

    def _golden(self, custom: ReleaseCustom, release: _DurableUpdater) -> GoldenTarget | None:
        if not custom.golden:
            return None
        path = str(custom.golden.get("target", ""))
        found = release.trusted.targets.targets.get(path)
        if found is None or found.hashes.get("sha256") != custom.golden.get("sha256"):
            raise _refused("mix-and-match", f"The self-test set {path!r} is not part of the release.")
        samples = custom.golden.get("samples", 0)
        return GoldenTarget(path, found.hashes["sha256"], found.length, samples if isinstance(samples, int) else 0)


def check_assignment(assignment: Assignment, hardware_profile: str, own_counters: Mapping[str, int]) -> None:
    """Rule 4: raises `RefusedError` when the assignment is for other hardware, or older than what the device has had.

    `own_counters` maps model names to the highest release counter that this device has run.
    """
    release, director = assignment.release, assignment.director
    if hardware_profile not in release.hardware_profiles or director.hardware_profile != hardware_profile:
        meant = ", ".join(release.hardware_profiles) or "no hardware"
        raise _refused("wrong hardware", f"{assignment.target_path} is for {meant}; this device is {hardware_profile}.")
    known = own_counters.get(release.model, 0)
    if release.counter < known and not director.undo:
        raise _refused(
            "rollback", f"{assignment.target_path} is release {release.counter}; this device has had {known}."
        )


class _Fetcher(FetcherInterface):
    """Hands python-tuf's requests to our own fetch function."""

    def __init__(self, repository: Repository, fetch: Fetch) -> None:
        self._repository: Repository = repository
        self._fetch_file = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._fetch_file(self._repository, url.rsplit("/", 1)[-1], MAX_METADATA_BYTES)
        if data is None:
            raise DownloadHTTPError(f"no {url}", 404)
        return iter((data,))


class _DurableUpdater(Updater):
    """python-tuf's updater at a given time, with durable files: upstream replaces them atomically but never syncs."""

    def __init__(self, folder: Path, root: bytes, fetcher: FetcherInterface, now: datetime) -> None:
        super().__init__(str(folder), "repository:/", fetcher=fetcher, config=_CONFIG, bootstrap=root)
        self._trusted_set.reference_time = now

    @property
    def trusted(self) -> TrustedMetadataSet:
        """The verified metadata of the four roles."""
        return self._trusted_set

    def _persist_file(self, filename: str, data: bytes) -> None:
        write_durably(Path(filename), data)


def _attack(error: RepositoryError) -> Attack:
    if isinstance(error, BadVersionNumberError):
        return "rollback"
    if isinstance(error, ExpiredMetadataError):
        return "freeze"
    if isinstance(error, LengthOrHashMismatchError):
        return "mix-and-match"
    return "arbitrary software"


def _refused(attack: Attack, what: str) -> RefusedError:
    return RefusedError(attack, what, "The device keeps the model it runs. Check the hub and who has access to it.")


def _cause_of(error: DownloadError, repository: Repository) -> UserError:
    """Our own words where the fetch function gave some; a missing file otherwise."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__
    return UserError(f"The {repository} repository is incomplete at the moment ({error}).", "It is asked again later.")
