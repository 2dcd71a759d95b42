"""What approvers sign, what the hub takes in, and what it adds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from edgeyard.domain.error import UserError
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.release_repository import (
    ReleaseTarget,
    accept_targets,
    add_targets,
    check_root,
    check_root_signer,
    cosign_targets,
    create_root,
    list_targets,
    missing_signatures,
    publish,
    refresh_timestamp,
)
from edgeyard.trust.tuf_metadata import (
    TIMESTAMP_LIFE,
    public_key_dict,
    public_key_from_dict,
    read_metadata,
    sign,
    signing_time,
)
from tests.unit.trust.repository_simulator import START, RepositorySimulator


@pytest.fixture
def site() -> RepositorySimulator:
    return RepositorySimulator()


def _online(site: RepositorySimulator) -> tuple[object, object]:
    return site.snapshot_signer.public_key, site.timestamp_signer.public_key


# --- root ------------------------------------------------------------------------------------------------------------


def test_a_root_names_who_signs_what_and_lives_ten_years(site: RepositorySimulator) -> None:
    root = read_metadata(site.release_root, Root).signed
    assert root.roles["targets"].keyids == [site.approvers[0].public_key.keyid]
    assert root.roles["snapshot"].keyids == [site.snapshot_signer.public_key.keyid]
    assert root.expires > START + timedelta(days=3600)


def test_a_root_for_another_hub_is_refused(site: RepositorySimulator) -> None:
    with pytest.raises(RefusedError, match="online keys"):
        check_root(RepositorySimulator().release_root, *_online(site))  # type: ignore[arg-type]


def test_a_root_that_is_not_signed_by_itself_is_refused(site: RepositorySimulator) -> None:
    root = Metadata[Root].from_bytes(site.release_root)
    root.signatures.clear()
    with pytest.raises(RefusedError) as caught:
        check_root(root.to_bytes(), *_online(site))  # type: ignore[arg-type]
    assert caught.value.attack == "arbitrary software"


def test_a_later_root_is_not_a_first_one(site: RepositorySimulator) -> None:
    root = Metadata[Root].from_bytes(site.release_root).signed
    root.version = 2
    with pytest.raises(RefusedError, match="first root"):
        check_root(sign(root, site.root_signer), *_online(site))  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", [0, 2])
def test_as_many_approvals_as_there_are_approvers_at_most(site: RepositorySimulator, threshold: int) -> None:
    keys = [site.approvers[0].public_key] * 2  # one person counts once
    with pytest.raises(UserError, match="cannot be asked for"):
        create_root(site.root_signer, keys, threshold, *_online(site), START)  # type: ignore[arg-type]


def test_the_hubs_own_key_can_never_approve(site: RepositorySimulator) -> None:
    snapshot, timestamp = _online(site)
    with pytest.raises(RefusedError, match="online keys approve"):
        create_root(site.root_signer, [snapshot], 1, snapshot, timestamp, START)  # type: ignore[list-item, arg-type]


def test_an_approver_knows_the_root_key_again(site: RepositorySimulator) -> None:
    check_root_signer(site.release_root, site.root_signer.public_key)


@pytest.mark.parametrize("how", ["another root", "borrowed key id"])
def test_an_approver_does_not_sign_under_a_foreign_root(site: RepositorySimulator, how: str) -> None:
    own_key = site.root_signer.public_key
    foreign = RepositorySimulator()
    root = Metadata[Root].from_bytes(foreign.release_root)
    if how == "borrowed key id":
        thief = CryptoSigner.generate_ed25519(keyid=own_key.keyid)
        root.signed.add_key(thief.public_key, "root")
        root.sign(foreign.root_signer)
        root.sign(thief, append=True)
    with pytest.raises(RefusedError, match="not the one made here"):
        check_root_signer(root.to_bytes(), own_key)


def test_public_keys_travel_as_json(site: RepositorySimulator) -> None:
    key = site.snapshot_signer.public_key
    assert public_key_from_dict(public_key_dict(key)) == key
    for broken in ({}, {"keyid": "x"}, {**public_key_dict(key), "keyval": 3}):
        with pytest.raises(RefusedError):
            public_key_from_dict(broken)


# --- targets ---------------------------------------------------------------------------------------------------------


def test_additions_keep_what_was_released(site: RepositorySimulator) -> None:
    first = site.add_model("yard-vision", 1, golden=b"golden")
    second = site.add_model("yard-vision", 2)
    released = {target.path: target for target in site.released}
    assert released[first.path] == first
    assert released[second.path] == second
    assert len(released) == 3
    assert released[first.path].custom["preprocessing"]["mean"] == [0.49, 0.48, 0.45]


def test_a_path_never_gets_other_content(site: RepositorySimulator) -> None:
    site.add_model("yard-vision", 1, content=b"one")
    with pytest.raises(UserError, match="already released with other content"):
        site.add_model("yard-vision", 1, content=b"two")


def test_the_same_release_again_changes_nothing_but_its_version(site: RepositorySimulator) -> None:
    site.add_model("yard-vision", 1, content=b"one")
    before = site.released
    site.add_model("yard-vision", 1, content=b"one")
    assert site.released == before
    assert read_metadata(site.targets or b"", Targets).signed.version == 2


def test_only_approvers_sign_targets(site: RepositorySimulator) -> None:
    with pytest.raises(UserError, match="not an approver"):
        add_targets(site.release_root, None, [], CryptoSigner.generate_ed25519(), START)


def test_an_approver_verifies_what_they_sign_on_top_of(site: RepositorySimulator) -> None:
    planted = sign(Targets(1, expires=START + timedelta(days=9)), CryptoSigner.generate_ed25519())
    with pytest.raises(RefusedError) as caught:
        add_targets(site.release_root, planted, [], site.approvers[0], START)
    assert caught.value.attack == "arbitrary software"


def test_two_of_three_approvers() -> None:
    site = RepositorySimulator(approvers=3, threshold=2)
    _, additions = site.model_target("yard-vision", 1, counter=1)
    signed = add_targets(site.release_root, None, additions, site.approvers[2], START)
    assert missing_signatures(site.release_root, signed) == 1
    with pytest.raises(RefusedError, match="not signed by enough"):
        accept_targets(site.release_root, None, signed)
    again = cosign_targets(site.release_root, None, signed, site.approvers[2])
    assert missing_signatures(site.release_root, again) == 1, "one person counts once"
    both = cosign_targets(site.release_root, None, signed, site.approvers[0])
    assert missing_signatures(site.release_root, both) == 0
    assert accept_targets(site.release_root, None, both).version == 1
    with pytest.raises(UserError, match="not an approver"):
        cosign_targets(site.release_root, None, signed, site.root_signer)


def test_old_or_repeated_targets_are_a_rollback(site: RepositorySimulator) -> None:
    site.add_model("yard-vision", 1)
    first = site.targets
    site.add_model("yard-vision", 2)
    for previous in (site.targets, first):
        with pytest.raises(RefusedError) as caught:
            accept_targets(site.release_root, previous, first or b"")
        assert caught.value.attack == "rollback"


def _remove(targets: Targets) -> None:
    targets.targets.popitem()


def _alter(targets: Targets) -> None:
    next(iter(targets.targets.values())).length += 1


def _redescribe(targets: Targets) -> None:
    next(iter(targets.targets.values())).unrecognized_fields["custom"] = {"json": "{}"}


def _delegate(targets: Targets) -> None:
    key = CryptoSigner.generate_ed25519().public_key
    role = DelegatedRole("other", [key.keyid], 1, terminating=False, paths=["*"])
    targets.delegations = Delegations({key.keyid: key}, {"other": role})


def _climb(targets: Targets) -> None:
    targets.targets["../etc/passwd"] = TargetFile(1, {"sha256": "0" * 64}, "../etc/passwd")


def _unhash(targets: Targets) -> None:
    targets.targets["new/1/a.onnx"] = TargetFile(1, {"md5": "0" * 32}, "new/1/a.onnx")


def _swell(targets: Targets) -> None:
    targets.targets["new/1/a.onnx"] = TargetFile(1 << 40, {"sha256": "0" * 64}, "new/1/a.onnx")


@pytest.mark.parametrize(
    ("change", "attack"),
    [
        (_remove, "rollback"),
        (_alter, "rollback"),
        (_redescribe, "rollback"),
        (_delegate, "arbitrary software"),
        (_climb, "arbitrary software"),
        (_unhash, "arbitrary software"),
        (_swell, "endless data"),
    ],
)
def test_even_an_approver_cannot_do_this(
    site: RepositorySimulator, change: Callable[[Targets], None], attack: str
) -> None:
    site.add_model("yard-vision", 1)
    targets = read_metadata(site.targets or b"", Targets).signed
    targets.version = 2
    change(targets)
    with pytest.raises(RefusedError) as caught:
        accept_targets(site.release_root, site.targets, sign(targets, site.approvers[0]))
    assert caught.value.attack == attack
    assert caught.value.todo


@pytest.mark.parametrize(
    "target",
    [
        ReleaseTarget("/etc/passwd", "0" * 64, 1),
        ReleaseTarget("a/../b", "0" * 64, 1),
        ReleaseTarget("a//b", "0" * 64, 1),
        ReleaseTarget("a/" + "b" * 300, "0" * 64, 1),
        ReleaseTarget("a b", "0" * 64, 1),
        ReleaseTarget("", "0" * 64, 1),
        ReleaseTarget("a/1/b", "0" * 63, 1),
        ReleaseTarget("a/1/b", "A" * 64, 1),
        ReleaseTarget("a/1/b", "0" * 64, 0),
        ReleaseTarget("a/1/b", "0" * 64, 1 << 40),
        ReleaseTarget("a/1/b", "0" * 64, 1, {"accuracy": float("nan")}),
        ReleaseTarget("a/1/b", "0" * 64, 1, {"accuracy": object()}),
    ],
)
def test_what_no_device_could_use_is_not_signed(site: RepositorySimulator, target: ReleaseTarget) -> None:
    with pytest.raises(RefusedError):
        add_targets(site.release_root, None, [target], site.approvers[0], START)


def test_nothing_is_listed_before_the_first_release() -> None:
    assert list_targets(None) == []
    assert list_targets(b"") == []


# --- snapshot and timestamp ------------------------------------------------------------------------------------------


def test_versions_of_the_online_roles_grow_by_one(site: RepositorySimulator) -> None:
    for version in (1, 2, 3):
        site.add_model("yard-vision", version)
        assert read_metadata(site.release_files["timestamp.json"], Timestamp).signed.version == version
        assert read_metadata(site.release_files[f"{version}.snapshot.json"], Snapshot).signed.version == version
    site.advance(days=1)
    site.refresh_timestamp()
    timestamp = read_metadata(site.release_files["timestamp.json"], Timestamp).signed
    assert timestamp.version == 4
    assert timestamp.snapshot_meta.version == 3
    assert timestamp.expires == site.now + TIMESTAMP_LIFE
    assert signing_time(timestamp) == site.now.timestamp()


def test_expired_targets_are_not_published(site: RepositorySimulator) -> None:
    site.add_model("yard-vision", 1)
    site.advance(days=731)
    with pytest.raises(RefusedError) as caught:
        site.republish()
    assert caught.value.attack == "freeze"


def test_nothing_is_published_over_foreign_files(site: RepositorySimulator) -> None:
    site.add_model("yard-vision", 1)
    other = RepositorySimulator()
    other.add_model("yard-vision", 1)
    targets, snapshot = site.targets or b"", site.release_files["1.snapshot.json"]
    signers = (site.snapshot_signer, site.timestamp_signer, START)
    foreign = other.release_files
    with pytest.raises(RefusedError):
        publish(site.release_root, foreign["1.targets.json"], None, None, *signers)
    with pytest.raises(RefusedError):
        publish(site.release_root, targets, foreign["1.snapshot.json"], None, *signers)
    with pytest.raises(RefusedError):
        refresh_timestamp(site.release_root, snapshot, foreign["timestamp.json"], *signers[1:])


@pytest.mark.parametrize("value", [None, "soon", -1, 0, True, 10**400, 1 << 40, 1.5])
def test_an_impossible_signing_time_counts_as_none(value: object) -> None:
    fields = {} if value is None else {"x-edgeyard-signed-at": value}
    assert signing_time(Timestamp(1, expires=START, unrecognized_fields=fields)) == 0.0
