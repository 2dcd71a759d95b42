"""The hub's side of the release repository: take in what people signed, add snapshot and timestamp, keep it fresh."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Snapshot, Targets, Timestamp

from edgeyard.domain.quantity import count
from edgeyard.hub.http_error import HttpError
from edgeyard.hub.lease_guard import LeaseGuard
from edgeyard.hub.server_identity import OnlineSigners
from edgeyard.store.database import Database
from edgeyard.store.journal import note
from edgeyard.store.release import get_metadata, latest, put_metadata
from edgeyard.trust.artifact_file import artifact_path
from edgeyard.trust.release_repository import accept_targets, check_root, list_targets, publish, refresh_timestamp
from edgeyard.trust.tuf_metadata import TIMESTAMP_LIFE, ReleaseTarget, read_metadata

REPOSITORY = "release"
_REFRESH_AFTER = timedelta(days=1)
_SNAPSHOT_LEFT = timedelta(days=120)
"""A snapshot lives a year; it is signed anew when less than this is left of it."""
"""A timestamp older than this is signed anew, so that devices that are up to date know it (freeze attacks)."""
_log = logging.getLogger(__name__)


class TargetIndex:
    """What is released, by path and by digest."""

    def __init__(self, targets: Iterable[ReleaseTarget]) -> None:
        self._by_path = {target.path: target for target in targets}
        self._paths: dict[str, list[str]] = {}
        for path, target in self._by_path.items():
            self._paths.setdefault(target.sha256, []).append(path)
        self.digests = frozenset(self._paths)
        """SHA-256 of every released file."""

    def get(self, path: str) -> ReleaseTarget | None:
        """The target of a path, or `None`."""
        return self._by_path.get(path)

    def path_of(self, digest: str, preferred: str) -> str | None:
        """A path of the file with this digest: one that begins with `preferred` if there is one, else the newest.

        Versions of a model may share a file; `None` when nothing released has the digest.
        """
        paths = self._paths.get(digest, [])
        fitting = [path for path in paths if path.startswith(preferred)]
        return max(fitting or paths, key=self._counter, default=None)

    def _counter(self, path: str) -> tuple[int, str]:
        counter = self._by_path[path].custom.get("counter", 0)
        return (counter if isinstance(counter, int) else 0, path)


class ReleaseDesk:
    """The release repository of an active hub. Thread-safe."""

    def __init__(
        self,
        database: Database,
        lease: LeaseGuard,
        signers: OnlineSigners,
        artifacts: Path,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._lease = lease
        self._signers = signers
        self._artifacts = artifacts
        self._clock = clock
        self._changing = threading.Lock()
        with database.read() as connection:
            self._first_root = get_metadata(connection, REPOSITORY, "", "1.root.json") or b""
            self._index = TargetIndex(list_targets(latest(connection, "targets")))

    def first_root(self) -> bytes:
        """Version 1 of the root, which newcomers begin with; empty before the site has one."""
        return self._first_root

    def first_root_sha256(self) -> str:
        """The digest of version 1 of the root, as join tokens pin it; empty before the site has one."""
        return hashlib.sha256(self._first_root).hexdigest() if self._first_root else ""

    def targets(self) -> TargetIndex:
        """What is released now."""
        return self._index

    def accept_root(self, data: bytes, actor: str) -> None:
        """Take in the first root; the same bytes again change nothing, others are refused (409)."""
        with self._changing:
            if self._first_root:
                if data == self._first_root:
                    return
                raise HttpError(
                    409, "This site already has a release root.", "Use the keys it names, or set up another site."
                )
            check_root(data, self._signers.snapshot.public_key, self._signers.timestamp.public_key)
            now = self._clock()
            with self._lease.write() as connection:
                put_metadata(connection, REPOSITORY, "", "1.root.json", data, now)
                note(connection, actor, "release.root", REPOSITORY, "The site's release root was set.", now)
            self._first_root = data

    def accept_targets(self, data: bytes, actor: str) -> int:
        """Take in newly signed targets and publish them; returns their version. The same bytes again change nothing."""
        with self._changing:
            with self._database.read() as connection:
                root, previous = latest(connection, "root"), latest(connection, "targets")
                old_snapshot, old_timestamp = latest(connection, "snapshot"), latest(connection, "timestamp")
            if root is None:
                raise HttpError(409, "This site has no release root yet.", "Send the root first.")
            if data == previous:
                return read_metadata(data, Targets).signed.version
            accepted = accept_targets(root, previous, data)
            index = TargetIndex(list_targets(data))
            self._require_files(index)
            now = self._clock()
            snapshot, timestamp = publish(
                root, data, old_snapshot, old_timestamp, self._signers.snapshot, self._signers.timestamp, _utc(now)
            )
            snapshot_version = read_metadata(snapshot, Snapshot).signed.version
            with self._lease.write() as connection:
                put_metadata(connection, REPOSITORY, "", f"{accepted.version}.targets.json", data, now)
                put_metadata(connection, REPOSITORY, "", f"{snapshot_version}.snapshot.json", snapshot, now)
                put_metadata(connection, REPOSITORY, "", "timestamp.json", timestamp, now)
                added = sorted(index.digests - self._index.digests)
                text = f"{count(len(added), 'file was', 'files were')} released."
                note(connection, actor, "release.targets", REPOSITORY, text, now)
            self._index = index
            _log.info("Release targets version %d with %d files", accepted.version, len(index.digests))
            return accepted.version

    def refresh(self) -> bool:
        """Sign the timestamp anew when a day old, the snapshot well before it ends; whether any was needed."""
        with self._changing:
            with self._database.read() as connection:
                root, snapshot = latest(connection, "root"), latest(connection, "snapshot")
                timestamp, targets = latest(connection, "timestamp"), latest(connection, "targets")
            if root is None or snapshot is None or timestamp is None:
                return False
            now = self._clock()
            if targets and read_metadata(snapshot, Snapshot).signed.expires - _utc(now) < _SNAPSHOT_LEFT:
                self._renew_snapshot(root, targets, snapshot, timestamp, now)
                return True
            left = read_metadata(timestamp, Timestamp).signed.expires - _utc(now)
            if left > TIMESTAMP_LIFE - _REFRESH_AFTER:
                return False
            renewed = refresh_timestamp(root, snapshot, timestamp, self._signers.timestamp, _utc(now))
            with self._lease.write() as connection:
                put_metadata(connection, REPOSITORY, "", "timestamp.json", renewed, now)
            return True

    def _renew_snapshot(self, root: bytes, targets: bytes, snapshot: bytes, timestamp: bytes, now: float) -> None:
        """A site that signs nothing for a year must not look frozen."""
        signers = self._signers
        renewed, stamped = publish(root, targets, snapshot, timestamp, signers.snapshot, signers.timestamp, _utc(now))
        version = read_metadata(renewed, Snapshot).signed.version
        with self._lease.write() as connection:
            put_metadata(connection, REPOSITORY, "", f"{version}.snapshot.json", renewed, now)
            put_metadata(connection, REPOSITORY, "", "timestamp.json", stamped, now)

    def _require_files(self, index: TargetIndex) -> None:
        """Only what devices can download may be released."""
        missing = [
            digest
            for digest in index.digests - self._index.digests
            if not artifact_path(self._artifacts, digest).is_file()
        ]
        if missing:
            number = count(len(missing), "released file was", "released files were")
            raise HttpError(
                409,
                f"{number} not uploaded, the first is {min(missing)}.",
                "Upload the files first, then release them.",
            )


def _utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
