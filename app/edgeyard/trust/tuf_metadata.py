"""What both repositories share: reading, signing and dating TUF metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.target import ReleaseTarget
from edgeyard.wire.limit import MAX_METADATA_BYTES

__all__ = [
    "ROOT_LIFE",
    "SIGNED_AT",
    "SNAPSHOT_LIFE",
    "TARGETS_LIFE",
    "TIMESTAMP_LIFE",
    "ReleaseTarget",
    "expires",
    "key_owners",
    "public_key_dict",
    "public_key_from_dict",
    "read_metadata",
    "read_root",
    "read_verified",
    "sign",
    "signing_time",
    "snapshot_of",
    "timestamp_of",
]

SIGNED_AT = "x-edgeyard-signed-at"
"""Extra field of the timestamp role: when it was signed (Unix seconds); it raises the devices' time floor."""

ROOT_LIFE = timedelta(days=3650)
TARGETS_LIFE = timedelta(days=730)
SNAPSHOT_LIFE = timedelta(days=365)
TIMESTAMP_LIFE = timedelta(days=30)
"""The one that bounds a freeze: hidden news are noticed after this long. The hub signs it anew daily."""

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)
"""The four roles."""


def read_metadata(data: bytes, kind: type[S]) -> Metadata[S]:
    """Parse metadata of one role; raises `RefusedError` for anything else. Signatures are not checked here."""
    if len(data) > MAX_METADATA_BYTES:
        raise RefusedError(
            "endless data", f"The {kind.type} metadata is over {MAX_METADATA_BYTES} bytes.", "Send the file as signed."
        )
    try:
        metadata: Metadata[S] = Metadata.from_bytes(data)
    except (DeserializationError, RepositoryError) as error:
        raise _not(kind) from error
    if metadata.signed.type != kind.type:
        raise _not(kind)
    return metadata


def read_verified(root: Metadata[Root], data: bytes, kind: type[S]) -> Metadata[S]:
    """Parse metadata and check that the root's threshold of keys signed it; raises `RefusedError`."""
    metadata = read_metadata(data, kind)
    try:
        root.signed.verify_delegate(kind.type, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise RefusedError(
            "arbitrary software",
            f"The {kind.type} metadata is not signed by enough of the keys that the site's root names.",
            "Sign it with an approver's key of this site.",
        ) from error
    return metadata


def read_root(data: bytes) -> Metadata[Root]:
    """A root that its own keys signed; raises `RefusedError`."""
    return read_verified(read_metadata(data, Root), data, Root)


def sign(signed: S, *signers: Signer) -> bytes:
    """Sign and serialize."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def key_owners(root: Root, role: str) -> frozenset[str]:
    """Ids of the keys that may sign `role`."""
    return frozenset(root.roles[role].keyids)


def public_key_dict(key: Key) -> dict[str, Any]:
    """A public key with its id, as it travels over the API."""
    return {"keyid": key.keyid, **key.to_dict()}


def public_key_from_dict(given: Mapping[str, Any]) -> Key:
    """Read `public_key_dict` back; raises `RefusedError`."""
    fields = dict(given)
    try:
        return Key.from_dict(str(fields.pop("keyid")), fields)
    except (KeyError, ValueError, TypeError) as error:
        raise RefusedError(
            "arbitrary software", "The hub's public key cannot be read.", "Check the hub's version."
        ) from error


def expires(now: datetime, life: timedelta) -> datetime:
    """Whole seconds in UTC, as TUF demands."""
    return (now.astimezone(UTC) + life).replace(microsecond=0)


def snapshot_of(
    targets: Targets, targets_data: bytes, version: int, now: datetime, extra: dict[str, Any] | None = None
) -> Snapshot:
    """A snapshot that names one targets file with its length and hash; `extra` fields are signed with it."""
    meta = {"targets.json": MetaFile.from_data(targets.version, targets_data, ["sha256"])}
    return Snapshot(version, expires=expires(now, SNAPSHOT_LIFE), meta=meta, unrecognized_fields=extra)


def timestamp_of(
    snapshot_version: int, snapshot_data: bytes, version: int, now: datetime, extra: dict[str, Any] | None = None
) -> Timestamp:
    """A timestamp that names one snapshot with its length and hash, and says when it was signed."""
    return Timestamp(
        version,
        expires=expires(now, TIMESTAMP_LIFE),
        snapshot_meta=MetaFile.from_data(snapshot_version, snapshot_data, ["sha256"]),
        unrecognized_fields={**(extra or {}), SIGNED_AT: int(now.timestamp())},
    )


def signing_time(timestamp: Timestamp) -> float:
    """When a timestamp says it was signed (Unix seconds); 0 where it says nothing or something impossible."""
    value = timestamp.unrecognized_fields.get(SIGNED_AT)
    if type(value) is not int or not 0 < value < timestamp.expires.timestamp():
        return 0.0
    return float(value)


def _not(kind: type[S]) -> RefusedError:
    return RefusedError("arbitrary software", f"This is not {kind.type} metadata.", "Send the file as signed.")
