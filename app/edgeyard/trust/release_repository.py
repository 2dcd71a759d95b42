"""The release repository: what approvers vouch for. Pure functions over signed bytes.

Root and targets are signed by people, away from the hub; snapshot and timestamp by the hub, online. Paths are
`model/version/variant.onnx` and `golden/digest.npz`; once signed, a path never means another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Role, Root, Snapshot, Targets, Timestamp

from edgeyard.domain.error import UserError
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.tuf_metadata import (
    ROOT_LIFE,
    TARGETS_LIFE,
    ReleaseTarget,
    expires,
    read_metadata,
    read_verified,
    sign,
    snapshot_of,
    target_file,
    timestamp_of,
)

__all__ = [
    "ReleaseTarget",
    "accept_targets",
    "add_targets",
    "check_root",
    "create_root",
    "list_targets",
    "publish",
    "refresh_timestamp",
]


def create_root(
    root_signer: Signer,
    targets_public_keys: Sequence[Key],
    threshold: int,
    snapshot_key: Key,
    timestamp_key: Key,
    now: datetime,
) -> bytes:
    """The site's first root: who may approve (`threshold` of the keys), and which hub keys sign online."""
    approvers = [key.keyid for key in targets_public_keys]
    roles = {
        "root": Role([root_signer.public_key.keyid], 1),
        "targets": Role(approvers, threshold),
        "snapshot": Role([snapshot_key.keyid], 1),
        "timestamp": Role([timestamp_key.keyid], 1),
    }
    keys = {key.keyid: key for key in (root_signer.public_key, *targets_public_keys, snapshot_key, timestamp_key)}
    return sign(Root(1, expires=expires(now, ROOT_LIFE), keys=keys, roles=roles, consistent_snapshot=True), root_signer)


def check_root(root: bytes, snapshot_key: Key, timestamp_key: Key) -> None:
    """What the hub demands of a first root: version 1, signed by itself, naming this hub's online keys."""
    metadata = _root(root)
    roles = metadata.signed.roles
    named = (roles["snapshot"].keyids, roles["timestamp"].keyids)
    if metadata.signed.version != 1 or named != ([snapshot_key.keyid], [timestamp_key.keyid]):
        raise RefusedError(
            "arbitrary software", "The release root does not name this hub's online keys.", "Make it anew for this hub."
        )


def add_targets(
    root: bytes, previous: bytes | None, additions: Sequence[ReleaseTarget], signer: Signer, now: datetime
) -> bytes:
    """New signed targets: `previous` and the additions. Raises `UserError` when a path already names another file."""
    known = read_verified(_root(root), previous, Targets).signed if previous else None
    targets = dict(known.targets) if known else {}
    for addition in additions:
        candidate = target_file(addition)
        if addition.path in targets and targets[addition.path] != candidate:
            raise UserError(f"{addition.path} is already released with other content.", "Import it as a new version.")
        targets[addition.path] = candidate
    version = known.version + 1 if known else 1
    return sign(Targets(version, expires=expires(now, TARGETS_LIFE), targets=targets), signer)


def accept_targets(root: bytes, previous: bytes | None, candidate: bytes) -> Targets:
    """Verify handed-in targets against the root and what was accepted before.

    Raises `RefusedError`: not signed by the threshold, not the next version, or something released was altered or
    removed.
    """
    verified_root = _root(root)
    offered = read_verified(verified_root, candidate, Targets).signed
    known = read_verified(verified_root, previous, Targets).signed if previous else None
    expected = known.version + 1 if known else 1
    if offered.version != expected:
        raise RefusedError(
            "rollback",
            f"The release has version {offered.version} where {expected} is next.",
            "Someone else released meanwhile, or the file is old: sign again on top of the present release.",
        )
    if known is not None:
        for path, target in known.targets.items():
            if offered.targets.get(path) != target:
                raise RefusedError("rollback", f"{path} was altered or removed.", "Sign on top of the present release.")
    return offered


def list_targets(targets: bytes | None) -> list[ReleaseTarget]:
    """The targets of accepted metadata, for reading; nothing is verified."""
    if not targets:
        return []
    signed = read_metadata(targets, Targets).signed
    return [
        ReleaseTarget(path, found.hashes["sha256"], found.length, found.custom or {})
        for path, found in signed.targets.items()
    ]


def publish(
    root: bytes,
    targets: bytes,
    previous_snapshot: bytes | None,
    previous_timestamp: bytes | None,
    snapshot_signer: Signer,
    timestamp_signer: Signer,
    now: datetime,
) -> tuple[bytes, bytes]:
    """The next snapshot and timestamp over accepted targets."""
    verified_root = _root(root)
    accepted = read_verified(verified_root, targets, Targets)
    version = read_verified(verified_root, previous_snapshot, Snapshot).signed.version + 1 if previous_snapshot else 1
    snapshot = sign(snapshot_of(accepted, targets, version, now), snapshot_signer)
    return snapshot, refresh_timestamp(root, snapshot, previous_timestamp, timestamp_signer, now)


def refresh_timestamp(
    root: bytes, snapshot: bytes, previous_timestamp: bytes | None, signer: Signer, now: datetime
) -> bytes:
    """The next timestamp over a snapshot: after a release, and before the present one expires."""
    verified_root = _root(root)
    version = (
        read_verified(verified_root, previous_timestamp, Timestamp).signed.version + 1 if previous_timestamp else 1
    )
    snapshot_version = read_verified(verified_root, snapshot, Snapshot).signed.version
    return sign(timestamp_of(snapshot_version, snapshot, version, now), signer)


def _root(root: bytes) -> Metadata[Root]:
    """A root that its own keys signed."""
    metadata = read_metadata(root, Root)
    return read_verified(metadata, root, Root)
