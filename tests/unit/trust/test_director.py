"""The hub's signed word to one device."""

from __future__ import annotations

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from edgeyard.domain.error import UserError
from edgeyard.trust.director import DEVICE_FIELD, create_director_root, sign_assignment
from edgeyard.trust.target import ReleaseTarget
from edgeyard.trust.tuf_metadata import read_root, read_verified
from tests.unit.trust.repository_simulator import START


def test_one_version_and_one_device_in_all_three_files() -> None:
    signer = CryptoSigner.generate_ed25519()
    root = read_root(create_director_root(signer, START))
    target = ReleaseTarget("yard-vision/1/int8.onnx", "a" * 64, 9, {"gate": {"max_accuracy_drop": 0.02}})
    metadata = sign_assignment("press-7", 12, target, signer, START)
    targets = read_verified(root, metadata.targets, Targets).signed
    snapshot = read_verified(root, metadata.snapshot, Snapshot).signed
    timestamp = read_verified(root, metadata.timestamp, Timestamp).signed
    for role in (targets, snapshot, timestamp):
        assert role.version == 12
        assert role.unrecognized_fields[DEVICE_FIELD] == "press-7"
    assert list(targets.targets) == [target.path]
    snapshot.meta["targets.json"].verify_length_and_hashes(metadata.targets)
    timestamp.snapshot_meta.verify_length_and_hashes(metadata.snapshot)


def test_no_target_means_an_empty_word() -> None:
    signer = CryptoSigner.generate_ed25519()
    root = read_root(create_director_root(signer, START))
    metadata = sign_assignment("press-7", 1, None, signer, START)
    assert read_verified(root, metadata.targets, Targets).signed.targets == {}
    assert isinstance(root.signed, Root)


@pytest.mark.parametrize("device", ["", "Press 7", "../x", "operator.anna"])
def test_only_devices_are_directed(device: str) -> None:
    with pytest.raises(UserError):
        sign_assignment(device, 1, None, CryptoSigner.generate_ed25519(), START)
