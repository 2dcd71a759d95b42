"""The director: one small TUF repository per device, signed online by the hub; it says who gets what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Signer
from tuf.api.metadata import Role, Root, Targets

from edgeyard.domain.identifier import check_identifier
from edgeyard.trust.target import ReleaseTarget, target_file
from edgeyard.trust.tuf_metadata import ROOT_LIFE, SNAPSHOT_LIFE, expires, sign, snapshot_of, timestamp_of

DEVICE_FIELD = "x-edgeyard-device"
"""Extra field of all three files of an assignment: the device they are for.

In the timestamp too: one key signs for every device, so a timestamp of another device with a higher version would
otherwise be believed, and every later word to this device be taken for a rollback.
"""

_ROLES = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class DirectorMetadata:
    """One version of a device's repository: `N.targets.json`, `N.snapshot.json`, `timestamp.json`."""

    targets: bytes
    snapshot: bytes
    timestamp: bytes


def create_director_root(signer: Signer, now: datetime) -> bytes:
    """The root of all director repositories of a site: the hub's director key has every role."""
    key = signer.public_key
    roles = {role: Role([key.keyid], 1) for role in _ROLES}
    root = Root(1, expires=expires(now, ROOT_LIFE), keys={key.keyid: key}, roles=roles, consistent_snapshot=True)
    return sign(root, signer)


def sign_assignment(
    device: str, version: int, target: ReleaseTarget | None, signer: Signer, now: datetime
) -> DirectorMetadata:
    """Sign what `device` should run; `version` grows with each word to this device and is that of all three files.

    Without a target the device keeps what it runs. The timestamp lives `TIMESTAMP_LIFE`: restate the assignment with a
    higher version before then, or devices refuse to install (freeze). The device's name is signed too, so that one
    device's assignment cannot be shown to another.
    """
    extra = {DEVICE_FIELD: check_identifier(device, "device id")}
    targets_by_path = {target.path: target_file(target)} if target else {}
    signed = Targets(
        version, expires=expires(now, SNAPSHOT_LIFE), targets=targets_by_path, unrecognized_fields=dict(extra)
    )
    targets = sign(signed, signer)
    snapshot = sign(snapshot_of(signed, targets, version, now, dict(extra)), signer)
    timestamp = sign(timestamp_of(version, snapshot, version, now, extra), signer)
    return DirectorMetadata(targets, snapshot, timestamp)
