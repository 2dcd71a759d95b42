"""What a device believes: the release repository and its own director, held against each other.

Rules, as in the Uptane standard for a full verification:
1. Each repository is verified by TUF (`repository_client`): root chain, timestamp, snapshot, targets; versions never
   fall, nothing is expired at the effective time, lengths and hashes chain from the timestamp down.
2. The director's files are for this device, and name at most one target.
3. The release names the same path with equal length and hash: the director can invent nothing.
4. Nothing is expired at the latest signing time of the two either: a fresh half cannot be shown with an old one.
5. Both name this device's hardware profile, and the release counter is not below what the device has had of that model,
   unless the director asks for the way back, which leads only to files that are still released (`check_assignment`).
Verified metadata is kept durably; a crash leaves the old or the new file, and both are a good beginning.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from tuf.api.metadata import TargetFile

from edgeyard.trust.assignment import AssignedTarget, Assignment, GoldenTarget, check_assignment
from edgeyard.trust.director import DEVICE_FIELD
from edgeyard.trust.durable_file import remove_leftovers
from edgeyard.trust.refusal import MetadataUnavailableError, RefusedError, refused
from edgeyard.trust.repository_client import Fetch, RepositoryClient, RepositoryName, VerifiedRepository
from edgeyard.trust.target import check_target, custom_of
from edgeyard.trust.tuf_metadata import signing_time
from edgeyard.wire.message import DirectorCustom, ReleaseCustom

__all__ = [
    "AssignedTarget",
    "Assignment",
    "Fetch",
    "GoldenTarget",
    "MetadataUnavailableError",
    "RefusedError",
    "RepositoryName",
    "TrustedStore",
    "check_assignment",
]


class TrustedStore:
    """A device's trusted metadata of both repositories, in `folder/release` and `folder/director`. One user only."""

    def __init__(self, folder: Path, release_root: bytes, director_root: bytes, device: str) -> None:
        self._roots: dict[RepositoryName, bytes] = {"release": release_root, "director": director_root}
        self._extra: dict[RepositoryName, dict[str, str]] = {"release": {}, "director": {DEVICE_FIELD: device}}
        self._folder = folder
        for name in self._roots:
            remove_leftovers(folder / name)
            remove_leftovers(folder / name / "root_history")
        self.signed_at = 0.0
        """The latest signing time seen in verified metadata (Unix seconds): raise the time floor to it."""
        self.director_version = 0
        """Version of the director's metadata at the last refresh."""
        self.assigned: AssignedTarget | None = None
        """What the director names, from the moment its own metadata is verified: a refusal after that concerns it."""

    def refresh(self, fetch: Fetch, now: datetime) -> Assignment | None:
        """Verify both repositories at the effective time `now`; `None` when nothing is assigned.

        The director goes first: a release that is newer than the assignment still holds its target. Raises
        `RefusedError` for what must not be believed, `MetadataUnavailableError` for a repository in mid-change,
        `UserError` when the store cannot be written, and whatever `fetch` raises.
        """
        self.assigned = None
        director = self._refresh("director", fetch, now)
        if director is None:
            return None
        self.director_version = director.targets.version
        if not director.targets.targets:
            return None
        if len(director.targets.targets) > 1:
            raise refused("arbitrary software", "The assignment names more than one model.")
        ((path, wanted),) = director.targets.targets.items()
        self.assigned = AssignedTarget(path, wanted.hashes.get("sha256", ""), wanted.length, _execution(wanted))
        release = self._refresh("release", fetch, now)
        if release is None:
            raise refused("arbitrary software", f"{path} is assigned, but nothing was ever released.")
        self._check_age(director, release)
        return _agree(path, wanted, release, director.targets.version)

    def release_root(self) -> bytes:
        """The newest release root that was verified; the one from joining where there is none yet."""
        history = (self._folder / "release" / "root_history").glob("*.root.json")
        numbered = {int(path.name.partition(".")[0]): path for path in history if path.name[0].isdigit()}
        return numbered[max(numbered)].read_bytes() if numbered else self._roots["release"]

    def _refresh(self, name: RepositoryName, fetch: Fetch, now: datetime) -> VerifiedRepository | None:
        client = RepositoryClient(name, self._folder / name, self._roots[name], fetch, self._extra[name])
        verified = client.refresh(now)
        if verified is not None:
            self.signed_at = max(self.signed_at, signing_time(verified.timestamp))
        return verified

    def _check_age(self, director: VerifiedRepository, release: VerifiedRepository) -> None:
        seen = datetime.fromtimestamp(self.signed_at, UTC)
        for name, verified in (("director", director), ("release", release)):
            if verified.expires <= seen:
                raise refused("freeze", f"The {name} repository expired before the other one was signed.")


def _execution(wanted: TargetFile) -> int:
    """The execution that the director's word belongs to; 0 where it cannot be read, which is refused later."""
    try:
        return msgspec.convert(custom_of(wanted), DirectorCustom).execution
    except (RefusedError, msgspec.ValidationError):
        return 0


def _agree(path: str, wanted: TargetFile, release: VerifiedRepository, version: int) -> Assignment:
    released = release.targets.targets.get(path)
    if released is None:
        raise refused("arbitrary software", f"{path} is assigned, but no approver released it.")
    check_target(released)
    if (released.length, released.hashes) != (wanted.length, wanted.hashes):
        raise refused("arbitrary software", f"{path} was released with another length or digest than is assigned.")
    try:
        release_custom = msgspec.convert(custom_of(released), ReleaseCustom)
        director_custom = msgspec.convert(custom_of(wanted), DirectorCustom)
    except msgspec.ValidationError as error:
        raise refused("arbitrary software", f"The description of {path} cannot be used: {error}.") from error
    golden = _golden(release_custom, release)
    return Assignment(
        path, released.hashes["sha256"], released.length, release_custom, director_custom, version, golden
    )


def _golden(custom: ReleaseCustom, release: VerifiedRepository) -> GoldenTarget | None:
    """The self-test set that the approvers signed beside the model; length and digest are those of its own target."""
    if not custom.golden:
        return None
    path, samples = custom.golden.get("target"), custom.golden.get("samples", 0)
    found = release.targets.targets.get(path) if isinstance(path, str) else None
    if found is None or found.hashes.get("sha256") != custom.golden.get("sha256"):
        raise refused("mix-and-match", f"The self-test set {str(path)[:80]!r} is not part of the release.")
    check_target(found)
    return GoldenTarget(found.path, found.hashes["sha256"], found.length, samples if isinstance(samples, int) else 0)
