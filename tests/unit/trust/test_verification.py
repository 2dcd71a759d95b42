"""What a device believes, and what it calls that which it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from edgeyard.domain.error import UserError
from edgeyard.trust.director import create_director_root
from edgeyard.trust.refusal import TooLongError
from edgeyard.trust.target import ReleaseTarget
from edgeyard.trust.time_floor import BUILD_TIME, TimeFloor
from edgeyard.trust.verification import (
    AssignedTarget,
    Assignment,
    MetadataUnavailableError,
    RefusedError,
    TrustedStore,
    check_assignment,
)
from tests.unit.trust.repository_simulator import START, RepositorySimulator

DEVICE = "press-7"


class Device:
    """A device of the simulated site; `refresh` as its agent does it, with a store that is opened anew each time."""

    def __init__(self, site: RepositorySimulator, folder: Path, name: str = DEVICE) -> None:
        self.site, self.folder, self.name = site, folder, name

    @property
    def store(self) -> TrustedStore:
        return self.site.trusted_store(self.folder, self.name)

    def refresh(self, now: datetime | None = None) -> Assignment | None:
        return self.store.refresh(self.site.fetcher(self.name), now or self.site.now)

    def assigned(self) -> Assignment:
        assignment = self.refresh()
        assert assignment is not None
        return assignment

    def refusal(self, now: datetime | None = None) -> RefusedError:
        with pytest.raises(RefusedError) as caught:
            self.refresh(now)
        assert caught.value.attack in caught.value.what
        assert caught.value.todo
        return caught.value


@pytest.fixture
def site() -> RepositorySimulator:
    return RepositorySimulator()


@pytest.fixture
def device(site: RepositorySimulator, tmp_path: Path) -> Device:
    return Device(site, tmp_path / "trust")


# --- what is believed ------------------------------------------------------------------------------------------------


def test_a_device_takes_what_both_repositories_name(site: RepositorySimulator, device: Device) -> None:
    target = site.add_model("yard-vision", 3, golden=b"golden set")
    version = site.assign(DEVICE, target, execution=17)
    assignment = device.assigned()
    assert (assignment.target_path, assignment.sha256, assignment.size_bytes) == (
        target.path,
        target.sha256,
        target.size_bytes,
    )
    assert assignment.director_version == version == 1
    assert assignment.director.execution == 17
    assert assignment.release.evidence["golden_accuracy"] == 0.915
    assert assignment.release.preprocessing["scale"] == 255.0
    assert assignment.director.gate["max_accuracy_drop"] == 0.02
    assert assignment.golden is not None
    assert site.artifacts[assignment.golden.sha256] == b"golden set"
    assert assignment.golden.size_bytes == len(b"golden set")
    assert assignment.golden.samples == 10
    check_assignment(assignment, "pi5", {"yard-vision": 3})


def test_nothing_published_means_nothing_assigned(device: Device) -> None:
    assert device.refresh() is None


def test_a_director_without_a_target_lets_the_device_be(site: RepositorySimulator, device: Device) -> None:
    site.add_model("yard-vision", 1)
    version = site.assign(DEVICE, None)
    store = device.store
    assert store.refresh(site.fetcher(DEVICE), site.now) is None
    assert store.director_version == version
    assert store.signed_at == site.now.timestamp()


def test_a_model_without_a_self_test_set_has_no_golden_target(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    assert device.assigned().golden is None


def test_a_newer_word_replaces_the_older(site: RepositorySimulator, device: Device) -> None:
    first = site.add_model("yard-vision", 1)
    site.assign(DEVICE, first)
    assert device.assigned().target_path == first.path
    second = site.add_model("yard-vision", 2)
    site.assign(DEVICE, second)
    assert device.assigned().target_path == second.path


def test_what_is_known_is_not_fetched_again(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.refresh()
    site.requests.clear()
    device.refresh()
    assert {name for _, name in site.requests} == {"2.root.json", "timestamp.json"}


def test_an_unchanged_repository_writes_nothing_to_the_flash(
    site: RepositorySimulator, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.refresh()

    def fail(*_: object) -> None:
        pytest.fail("a file was written")

    monkeypatch.setattr("os.replace", fail)
    monkeypatch.setattr("os.fsync", fail)
    device.assigned()


def test_two_approvers_are_enough_where_two_are_asked_for(tmp_path: Path) -> None:
    site = RepositorySimulator(approvers=3, threshold=2)
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    assert Device(site, tmp_path).assigned().release.version == 1


# --- rollback --------------------------------------------------------------------------------------------------------


def test_an_older_director_is_a_rollback(site: RepositorySimulator, device: Device) -> None:
    first = site.add_model("yard-vision", 1)
    site.assign(DEVICE, first)
    recording = site.recording()
    site.assign(DEVICE, site.add_model("yard-vision", 2))
    device.refresh()
    site.replay(recording)
    assert device.refusal().attack == "rollback"


def test_an_older_release_is_a_rollback(site: RepositorySimulator, device: Device) -> None:
    target = site.add_model("yard-vision", 1)
    old_release = dict(site.release_files)
    site.add_model("yard-vision", 2)
    site.assign(DEVICE, target)
    device.refresh()
    site.release_files = old_release
    assert device.refusal().attack == "rollback"


def test_older_targets_under_a_new_snapshot_are_a_rollback(site: RepositorySimulator, device: Device) -> None:
    """The hub was broken into, and signs a fresh snapshot over targets from before a model was withdrawn."""
    target = site.add_model("yard-vision", 1)
    site.add_model("yard-vision", 2)
    site.assign(DEVICE, target)
    device.refresh()
    del site.release_files["2.targets.json"]
    site.republish()
    assert device.refusal().attack == "rollback"


def test_a_lower_counter_is_a_rollback_unless_the_director_says_undo(site: RepositorySimulator, device: Device) -> None:
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target)
    with pytest.raises(RefusedError) as caught:
        check_assignment(device.assigned(), "pi5", {"yard-vision": 2})
    assert caught.value.attack == "rollback"
    check_assignment(device.assigned(), "pi5", {"other-model": 2})
    site.assign(DEVICE, target, undo=True)
    check_assignment(device.assigned(), "pi5", {"yard-vision": 2})


def test_undo_leads_only_to_what_is_released(site: RepositorySimulator, device: Device) -> None:
    site.add_model("yard-vision", 2)
    never, _ = site.model_target("yard-vision", 1, counter=1)
    site.assign(DEVICE, never, undo=True)
    assert device.refusal().attack == "arbitrary software"


# --- freeze ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [31, 4000])
def test_expired_metadata_is_a_freeze(site: RepositorySimulator, device: Device, days: int) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.assigned()
    assert device.refusal(site.now + timedelta(days=days)).attack == "freeze"


def test_a_device_that_sees_an_expired_repository_first_calls_it_a_freeze(
    site: RepositorySimulator, device: Device
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    assert device.refusal(site.now + timedelta(days=31)).attack == "freeze"


def test_a_daily_timestamp_and_a_restated_assignment_keep_a_site_fresh(
    site: RepositorySimulator, device: Device
) -> None:
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target)
    for _ in range(30):
        site.advance(days=7)
        site.refresh_timestamp()
        site.assign(DEVICE, target)
        assert device.assigned().target_path == target.path


def test_a_hidden_repository_is_a_freeze(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.refresh()
    site.director_files.clear()
    assert device.refusal().attack == "freeze"


def test_an_old_release_beside_a_fresh_director_is_a_freeze_even_for_a_clock_in_1970(
    site: RepositorySimulator, device: Device
) -> None:
    target = site.add_model("yard-vision", 1)
    site.advance(days=40)
    site.assign(DEVICE, target)
    refusal = device.refusal(datetime.fromtimestamp(BUILD_TIME, UTC))
    assert refusal.attack == "freeze"
    assert "release" in refusal.what


def test_a_clock_of_1970_works_by_the_time_floor(site: RepositorySimulator, device: Device, tmp_path: Path) -> None:
    floor = TimeFloor(tmp_path / "floor")
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    store = device.store
    assert store.refresh(site.fetcher(DEVICE), datetime.fromtimestamp(floor.effective(0.0), UTC)) is not None
    floor.raise_to(store.signed_at)
    old = site.recording()
    site.advance(days=60)
    site.assign(DEVICE, site.add_model("yard-vision", 2))
    assert store.refresh(site.fetcher(DEVICE), datetime.fromtimestamp(floor.effective(0.0), UTC)) is not None
    floor.raise_to(store.signed_at)
    assert TimeFloor(tmp_path / "floor").effective(0.0) == site.now.timestamp()
    # What was fresh once is not any more, though the clock still says 1970, and the memory of versions is gone.
    site.replay(old)
    forgetful = Device(site, tmp_path / "emptied")
    assert forgetful.refusal(datetime.fromtimestamp(floor.effective(0.0), UTC)).attack == "freeze"


# --- mix-and-match ---------------------------------------------------------------------------------------------------


def test_genuine_files_that_do_not_belong_together_are_mix_and_match(site: RepositorySimulator, device: Device) -> None:
    site.add_model("yard-vision", 1)
    site.assign(DEVICE, site.add_model("yard-vision", 2))
    site.release_files["2.targets.json"] = site.release_files["1.targets.json"]
    refusal = device.refusal()
    assert refusal.attack == "mix-and-match"
    assert "targets" in refusal.what


def test_a_genuine_snapshot_of_another_time_is_mix_and_match(site: RepositorySimulator, device: Device) -> None:
    site.add_model("yard-vision", 1)
    site.assign(DEVICE, site.add_model("yard-vision", 2))
    site.release_files["2.snapshot.json"] = site.release_files["1.snapshot.json"]
    assert device.refusal().attack == "mix-and-match"


@pytest.mark.parametrize("name", ["timestamp.json", "9.snapshot.json", "9.targets.json"])
def test_files_of_another_device_are_mix_and_match_and_leave_no_trace(
    site: RepositorySimulator, device: Device, name: str
) -> None:
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target, version=9)
    site.assign("press-8", target, version=9)
    site.director_files[DEVICE][name] = site.director_files["press-8"][name]
    assert device.refusal().attack == "mix-and-match"
    site.assign(DEVICE, target, version=9)
    assert device.assigned().target_path == target.path


def test_a_later_timestamp_of_another_device_does_not_lock_this_one_out(
    site: RepositorySimulator, device: Device
) -> None:
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target, version=3)
    device.refresh()
    mine = site.director_files[DEVICE]
    site.assign("press-8", target, version=5000)
    site.director_files[DEVICE] = site.director_files["press-8"]
    assert device.refusal().attack == "mix-and-match"
    site.director_files[DEVICE] = mine
    site.assign(DEVICE, target, version=4)
    assert device.assigned().director_version == 4


def test_a_self_test_set_that_is_not_released_is_mix_and_match(site: RepositorySimulator, device: Device) -> None:
    golden = {"sha256": "1" * 64, "size_bytes": 5, "samples": 1, "target": "golden/none.npz"}
    site.assign(DEVICE, site.add_model("yard-vision", 1, custom={"golden": golden}))
    assert device.refusal().attack == "mix-and-match"


# --- wrong hardware --------------------------------------------------------------------------------------------------


def test_another_hardware_profile_is_refused_by_either_word(site: RepositorySimulator, device: Device) -> None:
    target = site.add_model("yard-vision", 1, profiles=("pi4", "pi5"))
    site.assign(DEVICE, target, profile="pi5")
    with pytest.raises(RefusedError) as caught:
        check_assignment(device.assigned(), "x86", {})
    assert caught.value.attack == "wrong hardware"
    assert "pi4, pi5" in caught.value.what
    with pytest.raises(RefusedError) as caught:
        check_assignment(device.assigned(), "pi4", {})
    assert caught.value.attack == "wrong hardware"


# --- arbitrary software ----------------------------------------------------------------------------------------------


def test_what_no_approver_released_is_arbitrary_software(site: RepositorySimulator, device: Device) -> None:
    site.add_model("yard-vision", 1)
    invented = ReleaseTarget("yard-vision/9/int8.onnx", site.keep(b"evil"), 4)
    site.assign(DEVICE, invented)
    assert device.refusal().attack == "arbitrary software"


@pytest.mark.parametrize("change", [{"sha256": "e" * 64}, {"size_bytes": 1}])
def test_a_director_that_names_other_bytes_is_refused(
    site: RepositorySimulator, device: Device, change: dict[str, Any]
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1), **change)
    assert device.refusal().attack == "arbitrary software"


def test_an_assignment_before_any_release_is_refused(site: RepositorySimulator, device: Device) -> None:
    target, _ = site.model_target("yard-vision", 1, counter=1)
    site.assign(DEVICE, target)
    assert device.refusal().attack == "arbitrary software"


def test_an_assignment_of_two_models_is_refused(site: RepositorySimulator, device: Device) -> None:
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target)
    files = site.director_files[DEVICE]
    _sign_again(
        site, files, lambda targets: targets.targets.update({"a/1/b.onnx": next(iter(targets.targets.values()))})
    )
    assert device.refusal().attack == "arbitrary software"


@pytest.mark.parametrize("repository", ["release", "director"])
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("how", ["flip", "foreign key", "no signature", "no JSON", "empty"])
def test_whatever_is_not_signed_by_the_right_key_is_arbitrary_software(
    site: RepositorySimulator, device: Device, repository: str, role: str, how: str
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    files = site.release_files if repository == "release" else site.director_files[DEVICE]
    name = "timestamp.json" if role == "timestamp" else f"1.{role}.json"
    files[name] = _forged(files[name], how)
    assert device.refusal().attack == "arbitrary software"


def test_a_release_signed_by_one_approver_where_two_are_asked_for_is_refused(tmp_path: Path) -> None:
    site = RepositorySimulator(approvers=2, threshold=2)
    target = site.add_model("yard-vision", 1)
    site.assign(DEVICE, target)
    metadata = Metadata[Targets].from_bytes(site.release_files["1.targets.json"])
    metadata.signatures.popitem()
    site.release_files["1.targets.json"] = metadata.to_bytes()
    assert Device(site, tmp_path).refusal().attack == "arbitrary software"


def test_a_new_root_must_be_signed_by_the_old_one(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    other = RepositorySimulator()
    root = Metadata.from_bytes(other.release_root)
    root.signed.version = 2
    root.sign(other.root_signer)
    site.release_files["2.root.json"] = root.to_bytes()
    assert device.refusal().attack == "arbitrary software"


@pytest.mark.parametrize("missing", ["model", "hardware_profiles", "counter"])
def test_a_release_that_does_not_describe_its_model_is_refused(
    site: RepositorySimulator, device: Device, missing: str
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1, custom={missing: None}))
    assert device.refusal().attack == "arbitrary software"


def test_a_new_root_changes_who_may_approve(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.refresh()
    dismissed = site.approvers[0]
    site.change_approvers(1)
    target = site.add_model("yard-vision", 2)
    site.assign(DEVICE, target)
    assert device.assigned().target_path == target.path
    metadata = Metadata[Targets].from_bytes(site.targets or b"")
    metadata.sign(dismissed)
    forger = Device(site, device.folder.with_name("fresh"))
    site.release_files["3.targets.json"] = metadata.to_bytes()
    assert forger.refusal().attack == "arbitrary software"


def test_a_refusal_after_the_directors_own_word_names_what_it_concerns(
    site: RepositorySimulator, device: Device
) -> None:
    site.add_model("yard-vision", 1)
    store = device.store
    invented = ReleaseTarget("yard-vision/9/int8.onnx", site.keep(b"evil"), 4)
    site.assign(DEVICE, invented, execution=17)
    with pytest.raises(RefusedError):
        store.refresh(site.fetcher(DEVICE), site.now)
    assert store.assigned == AssignedTarget(invented.path, invented.sha256, 4, 17)
    with pytest.raises(RefusedError):
        store.refresh(site.fetcher(DEVICE), site.now + timedelta(days=90))
    assert store.assigned is None


# --- endless data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_longer_files_than_allowed_are_endless_data(site: RepositorySimulator, device: Device, name: str) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    site.director_files[DEVICE][name] = site.director_files[DEVICE].get(name, b"") + b" " * 5_000_000
    assert device.refusal().attack == "endless data"


def test_a_fetch_function_that_stops_reading_by_itself_means_the_same(
    site: RepositorySimulator, device: Device
) -> None:
    def stop(*_: object) -> bytes:
        raise TooLongError("The hub's answer is over 5 bytes.")

    with pytest.raises(RefusedError) as caught:
        device.store.refresh(stop, site.now)
    assert caught.value.attack == "endless data"


def test_a_fetch_function_is_told_how_much_it_may_read(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    asked: dict[str, int] = {}
    fetch = site.fetcher(DEVICE)

    def watched(repository: str, name: str, max_bytes: int) -> bytes | None:
        asked[f"{repository} {name}"] = max_bytes
        return fetch(repository, name, max_bytes)  # type: ignore[arg-type]

    device.store.refresh(watched, site.now)
    assert asked["director timestamp.json"] == 16 * 1024
    assert asked["release 1.targets.json"] == len(site.release_files["1.targets.json"])


# --- trouble that is no attack ---------------------------------------------------------------------------------------


def test_a_repository_in_mid_change_is_asked_again_later(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    targets = site.director_files[DEVICE].pop("1.targets.json")
    with pytest.raises(MetadataUnavailableError, match=r"1\.targets\.json"):
        device.refresh()
    site.director_files[DEVICE]["1.targets.json"] = targets
    device.assigned()


@pytest.mark.parametrize("error", [UserError("The hub is away."), TimeoutError("no answer"), KeyError("bug")])
def test_what_the_fetch_function_raises_comes_through(
    site: RepositorySimulator, device: Device, error: Exception
) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    fetch = site.fetcher(DEVICE)

    for failing in ("2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"):

        def broken(repository: str, name: str, max_bytes: int, failing: str = failing) -> bytes | None:
            if name == failing:
                raise error
            return fetch(repository, name, max_bytes)  # type: ignore[arg-type]

        with pytest.raises(type(error)) as caught:
            device.store.refresh(broken, site.now)
        assert caught.value is error


def test_a_damaged_root_of_trust_says_join_again(site: RepositorySimulator, tmp_path: Path) -> None:
    store = TrustedStore(tmp_path, b"{}", b"rubbish", DEVICE)
    with pytest.raises(UserError, match="Join the site again"):
        store.refresh(site.fetcher(DEVICE), site.now)


def test_a_store_that_cannot_be_written_says_so(site: RepositorySimulator, tmp_path: Path) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    (tmp_path / "director").write_bytes(b"not a folder")
    with pytest.raises(UserError, match="cannot be kept"):
        site.trusted_store(tmp_path, DEVICE).refresh(site.fetcher(DEVICE), site.now)


def test_damaged_files_of_the_store_are_fetched_again(site: RepositorySimulator, device: Device) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    device.refresh()
    for path in device.folder.rglob("*.json"):
        path.write_bytes(b"\0" * 10)
    device.assigned()


def test_another_sites_director_is_not_believed(site: RepositorySimulator, tmp_path: Path) -> None:
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    foreign = create_director_root(CryptoSigner.generate_ed25519(), START)
    store = TrustedStore(tmp_path, site.release_root, foreign, DEVICE)
    with pytest.raises(RefusedError) as caught:
        store.refresh(site.fetcher(DEVICE), site.now)
    assert caught.value.attack == "arbitrary software"


def _forged(data: bytes, how: str) -> bytes:
    if how == "empty":
        return b""
    if how == "no JSON":
        return b"\x89" + data[1:]
    document = json.loads(data)
    if how == "flip":
        document["signed"]["spec_version"] = "1.0.30"
    elif how == "no signature":
        document["signatures"] = []
    metadata = Metadata.from_dict(document)
    if how == "foreign key":
        metadata.sign(CryptoSigner.generate_ed25519())
    return metadata.to_bytes()


def _sign_again(site: RepositorySimulator, files: dict[str, bytes], change) -> None:  # type: ignore[no-untyped-def]
    """Let the director itself sign something that our code never would."""
    from edgeyard.trust.director import DEVICE_FIELD
    from edgeyard.trust.tuf_metadata import sign, snapshot_of, timestamp_of

    targets = Metadata[Targets].from_bytes(files["1.targets.json"]).signed
    change(targets)
    extra = {DEVICE_FIELD: DEVICE}
    files["1.targets.json"] = sign(targets, site.director_signer)
    files["1.snapshot.json"] = sign(
        snapshot_of(targets, files["1.targets.json"], 1, site.now, dict(extra)), site.director_signer
    )
    files["timestamp.json"] = sign(
        timestamp_of(1, files["1.snapshot.json"], 1, site.now, dict(extra)), site.director_signer
    )
