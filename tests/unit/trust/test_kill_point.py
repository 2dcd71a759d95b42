"""Everything of trust that writes, ended at every point at which it could be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import artifact_path, hash_file, store_artifact
from edgeyard.trust.key_vault import KeyVault, PassphraseUnlock
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.signer_file import load_or_create_signer
from edgeyard.trust.time_floor import BUILD_TIME, TimeFloor
from tests.unit.trust.power_cut import every_cut
from tests.unit.trust.repository_simulator import RepositorySimulator

DEVICE = "press-7"
CHEAP = PassphraseUnlock("correct horse battery", memory_kib=64, iterations=1)


def test_a_device_killed_in_a_refresh_goes_on_and_forgets_no_version(tmp_path: Path) -> None:
    site = RepositorySimulator()
    first = site.add_model("yard-vision", 1)
    site.assign(DEVICE, first)
    oldest = site.recording()
    second = site.add_model("yard-vision", 2)
    site.assign(DEVICE, second)
    middle = site.recording()
    site.advance(days=1)
    third = site.add_model("yard-vision", 3)
    site.assign(DEVICE, third)
    newest = site.recording()
    root = tmp_path / "disk"

    def refresh(folder: Path) -> str:
        assignment = site.trusted_store(folder, DEVICE).refresh(site.fetcher(DEVICE), site.now)
        assert assignment is not None
        return assignment.target_path

    def prepare() -> None:
        site.replay(middle)
        refresh(root)
        site.replay(newest)

    cuts = 0
    for cut in every_cut(root, lambda: refresh(root), prepare=prepare):
        for left in cut.worlds():
            # The version it had believed before is remembered in either world, so the past is refused …
            site.replay(oldest)
            with pytest.raises(RefusedError) as caught:
                refresh(left)
            assert caught.value.attack == "rollback"
            # … and the present is taken.
            site.replay(newest)
            assert refresh(left) == third.path
            assert not list(left.rglob(".*"))
        cuts += 1
    assert cuts == 6 * 3 + 1, "timestamp, snapshot and targets of two repositories, three points each"


def test_a_device_killed_in_its_first_refresh_begins_again(tmp_path: Path) -> None:
    site = RepositorySimulator()
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    root = tmp_path / "disk"

    def refresh(folder: Path) -> object:
        return site.trusted_store(folder, DEVICE).refresh(site.fetcher(DEVICE), site.now)

    for cut in every_cut(root, lambda: refresh(root)):
        for left in cut.worlds():
            assert refresh(left) is not None


def test_a_time_floor_is_old_or_new(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    old, new = BUILD_TIME + 1e6, BUILD_TIME + 2e6
    for cut in every_cut(
        root, lambda: TimeFloor(root / "floor").raise_to(new), prepare=lambda: TimeFloor(root / "floor").raise_to(old)
    ):
        for left in cut.worlds():
            assert TimeFloor(left / "floor").effective(0.0) in ({old, new} if cut.killed else {new})


def test_an_artifact_is_absent_or_whole(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"weights" * 5000)
    sha256, size_bytes = hash_file(source)
    root = tmp_path / "disk"
    for cut in every_cut(root, lambda: store_artifact(root / "artifacts", source)):
        for left in cut.worlds():
            path = artifact_path(left / "artifacts", sha256)
            assert hash_file(path) == (sha256, size_bytes) if path.exists() else cut.killed


def test_a_sealed_key_is_absent_or_opens(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    for cut in every_cut(root, lambda: KeyVault(root / "operator").create("approver", CHEAP)):
        for left in cut.worlds():
            vault = KeyVault(left / "operator")
            if vault.names():
                assert vault.signer("approver", CHEAP).public_key == vault.public_key("approver")
            else:
                assert cut.killed
                vault.create("approver", CHEAP)


def test_an_online_key_is_absent_or_stays_the_same(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    for cut in every_cut(root, lambda: load_or_create_signer(root / "director.key")):
        for left in cut.worlds():
            known = (left / "director.key").read_bytes() if (left / "director.key").exists() else None
            signer = load_or_create_signer(left / "director.key")
            assert known in {None, signer.private_bytes}
            assert known is not None or cut.killed


def test_a_full_disk_in_a_refresh_is_said_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = RepositorySimulator()
    site.assign(DEVICE, site.add_model("yard-vision", 1))
    store = site.trusted_store(tmp_path, DEVICE)
    store.refresh(site.fetcher(DEVICE), site.now)
    site.assign(DEVICE, site.add_model("yard-vision", 2))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.fsync", refuse)
        with pytest.raises(UserError, match="No space left on device"):
            store.refresh(site.fetcher(DEVICE), site.now)
    assignment = store.refresh(site.fetcher(DEVICE), site.now + timedelta(days=1))
    assert assignment is not None
    assert assignment.release.version == 2
