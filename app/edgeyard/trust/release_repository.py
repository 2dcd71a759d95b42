"""The release repository: what approvers vouch for. Pure functions over signed bytes.

Root and targets are signed by people, away from the hub; snapshot and timestamp by the hub, online. Paths are
`model/version/variant.onnx` and `golden/digest.npz`; once signed, a path never means another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Role, Root, Snapshot, Targets, Timestamp

from edgeyard.domain.error import UserError
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.target import ReleaseTarget, check_target, release_target, target_file
from edgeyard.trust.tuf_metadata import (
    ROOT_LIFE,
    TARGETS_LIFE,
    expires,
    key_owners,
    read_metadata,
    read_root,
    read_verified,
    sign,
    snapshot_of,
    timestamp_of,
)

__all__ = [
    "ReleaseTarget",
    "accept_targets",
    "add_targets",
    "check_root",
    "check_root_signer",
    "cosign_targets",
    "create_root",
    "list_targets",
    "missing_signatures",
    "publish",
    "refresh_timestamp",
]

_OFFLINE = ("root", "targets")


def create_root(
    root_signer: Signer,
    targets_public_keys: Sequence[Key],
    threshold: int,
    snapshot_key: Key,
    timestamp_key: Key,
    now: datetime,
) -> bytes:
    """The site's first root: who may approve (`threshold` of the keys), and which hub keys sign online.

    Raises `UserError` when fewer keys than the threshold are given, or the hub's own key were to approve.
    """
    approvers = list(dict.fromkeys(key.keyid for key in targets_public_keys))
    if not 1 <= threshold <= len(approvers):
        raise UserError(
            f"{threshold} approvals of {len(approvers)} approvers cannot be asked for.",
            "Give at least as many approvers' keys as approvals.",
        )
    roles = {
        "root": Role([root_signer.public_key.keyid], 1),
        "targets": Role(approvers, threshold),
        "snapshot": Role([snapshot_key.keyid], 1),
        "timestamp": Role([timestamp_key.keyid], 1),
    }
    keys = {key.keyid: key for key in (root_signer.public_key, *targets_public_keys, snapshot_key, timestamp_key)}
    root = Root(1, expires=expires(now, ROOT_LIFE), keys=keys, roles=roles, consistent_snapshot=True)
    _check_apart(root)
    return sign(root, root_signer)


def check_root(root: bytes, snapshot_key: Key, timestamp_key: Key) -> None:
    """What the hub demands of a first root: version 1, signed by itself, naming this hub's online keys for their roles.

    Raises `RefusedError`.
    """
    signed = read_root(root).signed
    named = (signed.roles["snapshot"].keyids, signed.roles["timestamp"].keyids)
    if signed.version != 1 or not signed.consistent_snapshot:
        raise RefusedError("arbitrary software", "This is not the first root of a site.", "Send version 1 of the root.")
    if named != ([snapshot_key.keyid], [timestamp_key.keyid]):
        raise RefusedError(
            "arbitrary software", "The release root does not name this hub's online keys.", "Make it anew for this hub."
        )
    _check_apart(signed)


def check_root_signer(root: bytes, key: Key) -> None:
    """For the person who signs: raises `RefusedError` unless the root is signed by `key`, the root key they know.

    The root comes from the hub. Without this check a hub that was broken into could show a root of its own, with
    targets of its own, and have an approver sign them.
    """
    metadata = read_root(root)
    try:
        key.verify_signature(metadata.signatures[key.keyid], metadata.signed_bytes)
    except (KeyError, UnverifiedSignatureError) as error:
        raise RefusedError(
            "arbitrary software",
            "The hub shows a release root that is not the one made here.",
            "Do not sign. Check the hub, and who has access to it.",
        ) from error


def add_targets(
    root: bytes, previous: bytes | None, additions: Sequence[ReleaseTarget], signer: Signer, now: datetime
) -> bytes:
    """New signed targets: `previous` (verified against the root first) and the additions.

    Raises `UserError` when a path already names another file, or the signer is no approver.
    """
    verified_root = read_root(root)
    _check_approver(verified_root.signed, signer)
    known = read_verified(verified_root, previous, Targets).signed if previous else None
    targets = dict(known.targets) if known else {}
    for addition in additions:
        candidate = target_file(addition)
        if addition.path in targets and targets[addition.path] != candidate:
            raise UserError(f"{addition.path} is already released with other content.", "Import it as a new version.")
        targets[addition.path] = candidate
    version = known.version + 1 if known else 1
    return sign(Targets(version, expires=expires(now, TARGETS_LIFE), targets=targets), signer)


def cosign_targets(root: bytes, previous: bytes | None, candidate: bytes, signer: Signer) -> bytes:
    """The candidate with one more approver's signature, after the same checks as at the hub. Raises `UserError`."""
    verified_root = read_root(root)
    _check_approver(verified_root.signed, signer)
    metadata = read_metadata(candidate, Targets)
    known = read_verified(verified_root, previous, Targets).signed if previous else None
    _check_successor(known, metadata.signed)
    metadata.sign(signer, append=True)
    return metadata.to_bytes()


def missing_signatures(root: bytes, candidate: bytes) -> int:
    """How many approvers must still sign the candidate."""
    metadata = read_metadata(candidate, Targets)
    signed = read_root(root).signed
    return signed.get_verification_result("targets", metadata.signed_bytes, metadata.signatures).missing


def accept_targets(root: bytes, previous: bytes | None, candidate: bytes) -> Targets:
    """Verify handed-in targets against the root and what was accepted before.

    Raises `RefusedError`: not signed by the threshold, not the next version, or something released was altered or
    removed.
    """
    verified_root = read_root(root)
    offered = read_verified(verified_root, candidate, Targets).signed
    known = read_verified(verified_root, previous, Targets).signed if previous else None
    _check_successor(known, offered)
    return offered


def list_targets(targets: bytes | None) -> list[ReleaseTarget]:
    """The targets of accepted metadata, for reading; signatures are not verified."""
    if not targets:
        return []
    return [release_target(found) for found in read_metadata(targets, Targets).signed.targets.values()]


def publish(
    root: bytes,
    targets: bytes,
    previous_snapshot: bytes | None,
    previous_timestamp: bytes | None,
    snapshot_signer: Signer,
    timestamp_signer: Signer,
    now: datetime,
) -> tuple[bytes, bytes]:
    """The next snapshot and timestamp over accepted targets. Raises `RefusedError` for targets that are expired."""
    verified_root = read_root(root)
    accepted = read_verified(verified_root, targets, Targets).signed
    if accepted.is_expired(now):
        raise RefusedError("freeze", "The signed release has expired.", "Let an approver sign it again.")
    version = read_verified(verified_root, previous_snapshot, Snapshot).signed.version + 1 if previous_snapshot else 1
    snapshot = sign(snapshot_of(accepted, targets, version, now), snapshot_signer)
    return snapshot, refresh_timestamp(root, snapshot, previous_timestamp, timestamp_signer, now)


def refresh_timestamp(
    root: bytes, snapshot: bytes, previous_timestamp: bytes | None, signer: Signer, now: datetime
) -> bytes:
    """The next timestamp over a snapshot: after a release, and daily, long before the present one expires."""
    verified_root = read_root(root)
    known = read_verified(verified_root, previous_timestamp, Timestamp).signed if previous_timestamp else None
    snapshot_version = read_verified(verified_root, snapshot, Snapshot).signed.version
    return sign(timestamp_of(snapshot_version, snapshot, known.version + 1 if known else 1, now), signer)


def _check_successor(known: Targets | None, offered: Targets) -> None:
    expected = known.version + 1 if known else 1
    if offered.version != expected:
        raise RefusedError(
            "rollback",
            f"The release has version {offered.version} where {expected} is next.",
            "Someone else released meanwhile, or the file is old: sign again on top of the present release.",
        )
    if offered.delegations is not None:
        raise RefusedError("arbitrary software", "The release hands its approval on.", "Sign without delegations.")
    for offered_target in offered.targets.values():
        check_target(offered_target)
    for path, target in (known.targets if known else {}).items():
        if offered.targets.get(path) != target:
            raise RefusedError("rollback", f"{path} was altered or removed.", "Sign on top of the present release.")


def _check_approver(root: Root, signer: Signer) -> None:
    if signer.public_key.keyid not in key_owners(root, "targets"):
        raise UserError(
            "This key is not an approver's key of this site.", "Sign on the machine that holds an approver's key."
        )


def _check_apart(root: Root) -> None:
    """What signs without a person must not be able to approve."""
    online = key_owners(root, "snapshot") | key_owners(root, "timestamp")
    if any(online & key_owners(root, role) for role in _OFFLINE):
        raise RefusedError(
            "arbitrary software",
            "The release root lets the hub's online keys approve models.",
            "Make a root with approvers' keys that stay with people.",
        )
