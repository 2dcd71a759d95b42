"""Files after crashes: the old or the new content, never neither, never half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgeyard.trust.durable_file import create_durably, make_folder, remove_leftovers, write_durably
from tests.unit.trust.power_cut import PowerCut, every_cut


def test_a_write_replaces_the_file_and_sets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_durably(path, b"one", mode=0o644)
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_every_cut_leaves_the_old_or_the_new_content(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    path = root / "state"
    cuts = 0
    for cut in every_cut(root, lambda: write_durably(path, b"new" * 1000), prepare=lambda: path.write_bytes(b"old")):
        for left in cut.worlds():
            content = (left / "state").read_bytes()
            assert content in {b"old", b"new" * 1000}
            assert cut.killed or content == b"new" * 1000, "done means durable"
        cuts += 1
    assert cuts == 4, "sync of the file, rename, sync of the folder, and a run to the end"


def test_every_cut_of_a_creation_leaves_nothing_or_all(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    for cut in every_cut(root, lambda: create_durably(root / "key", b"secret")):
        for left in cut.worlds():
            file = left / "key"
            assert file.read_bytes() == b"secret" if file.exists() else cut.killed


def test_every_cut_of_a_folder_and_a_file_in_it(tmp_path: Path) -> None:
    root = tmp_path / "disk"

    def act() -> None:
        make_folder(root / "a" / "b")
        write_durably(root / "a" / "b" / "state", b"new")

    for cut in every_cut(root, act):
        for left in cut.worlds():
            file = left / "a" / "b" / "state"
            assert file.read_bytes() == b"new" if file.exists() else cut.killed


def test_the_simulated_power_cut_finds_a_rename_that_was_not_synced(tmp_path: Path) -> None:
    """The test of the tests: what forgets to sync must look broken."""
    root = tmp_path / "disk"
    root.mkdir()

    def careless() -> None:
        (root / "new").write_bytes(b"data")
        os.replace(root / "new", root / "state")  # noqa: PTH105

    cut = PowerCut(root, None)
    cut.run(careless)
    _, after = worlds = list(cut.worlds())
    assert len(worlds) == 2
    assert (root / "state").exists()
    assert not (after / "state").exists()


def test_creation_never_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    create_durably(path, b"first")
    with pytest.raises(FileExistsError):
        create_durably(path, b"second")
    # Also not when the other one comes between the look and the link.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(FileExistsError):
        create_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_creation_works_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    create_durably(tmp_path / "key", b"data")
    assert (tmp_path / "key").read_bytes() == b"data"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{failing}", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"kept")
    cut = PowerCut(tmp_path, 1)
    cut.run(lambda: write_durably(tmp_path / "state", b"new"))
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    remove_leftovers(tmp_path / "missing")
