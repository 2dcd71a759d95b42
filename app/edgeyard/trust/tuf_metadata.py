"""What both repositories share: reading, signing and describing TUF metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from securesystemslib.exceptions import StorageError
from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from edgeyard.trust.refusal import RefusedError

SIGNED_AT = "x-edgeyard-signed-at"
"""Extra field of the timestamp role: when it was signed (Unix seconds); it raises the devices' time floor."""

ROOT_LIFE = timedelta(days=3650)
TARGETS_LIFE = timedelta(days=730)
SNAPSHOT_LIFE = timedelta(days=365)
TIMESTAMP_LIFE = timedelta(days=30)

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)
"""The four roles."""


@dataclass(frozen=True, slots=True)
class ReleaseTarget:
    """One file that a repository vouches for. `custom` is the builtins form of `ReleaseCustom` or `DirectorCustom`."""

    path: str
    sha256: str
    size_bytes: int
    custom: Mapping[str, Any] = field(default_factory=dict)


def read_metadata(data: bytes, kind: type[S]) -> Metadata[S]:
    """Parse metadata of one role; raises `RefusedError` for anything else. Signatures are not checked here."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(data)
    except (DeserializationError, RepositoryError, StorageError, ValueError, TypeError, RecursionError) as error:
        raise RefusedError(
            "arbitrary software", f"This is not {kind.type} metadata.", "Send the file as signed."
        ) from error
    if not isinstance(metadata.signed, kind):
        raise RefusedError("arbitrary software", f"This is not {kind.type} metadata.", "Send the file as signed.")
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


def sign(signed: S, *signers: Signer) -> bytes:
    """Sign and serialize."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


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


def target_file(target: ReleaseTarget) -> TargetFile:
    """The TUF form of a target."""
    fields = {"custom": dict(target.custom)} if target.custom else {}
    return TargetFile(target.size_bytes, {"sha256": target.sha256}, target.path, fields)


def snapshot_of(targets: Metadata[Targets], targets_data: bytes, version: int, now: datetime) -> Snapshot:
    """A snapshot that names one targets file with its length and hash."""
    meta = {"targets.json": MetaFile.from_data(targets.signed.version, targets_data, ["sha256"])}
    return Snapshot(version, expires=expires(now, SNAPSHOT_LIFE), meta=meta)


def timestamp_of(snapshot_version: int, snapshot_data: bytes, version: int, now: datetime) -> Timestamp:
    """A timestamp that names one snapshot with its length and hash, and says when it was signed."""
    return Timestamp(
        version,
        expires=expires(now, TIMESTAMP_LIFE),
        snapshot_meta=MetaFile.from_data(snapshot_version, snapshot_data, ["sha256"]),
        unrecognized_fields={SIGNED_AT: int(now.timestamp())},
    )
