"""Files by their digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import artifact_path, hash_file, store_artifact


def test_a_file_is_found_by_its_digest(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"weights" * 300_000)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert store_artifact(tmp_path / "artifacts", source) == (sha256, source.stat().st_size)
    path = artifact_path(tmp_path / "artifacts", sha256)
    assert path == tmp_path / "artifacts" / sha256[:2] / sha256
    assert hash_file(path) == (sha256, source.stat().st_size)


def test_storing_again_mends_a_damaged_file_and_leaves_no_rubbish(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"weights")
    sha256, _ = store_artifact(tmp_path / "artifacts", source)
    path = artifact_path(tmp_path / "artifacts", sha256)
    path.write_bytes(b"rotten")
    store_artifact(tmp_path / "artifacts", source)
    assert path.read_bytes() == b"weights"
    assert [file for file in (tmp_path / "artifacts").rglob("*") if file.is_file()] == [path]


def test_a_missing_source_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not there"):
        store_artifact(tmp_path / "artifacts", tmp_path / "none")
    with pytest.raises(UserError, match="cannot be copied"):
        store_artifact(tmp_path / "artifacts", tmp_path)
    assert not (tmp_path / "artifacts").exists()


def test_a_full_disk_is_said_and_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(b"weights")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "artifacts").mkdir()
    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(UserError, match="No space left on device"):
        store_artifact(tmp_path / "artifacts", source)
    assert not list((tmp_path / "artifacts").rglob("*"))


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", "/" + "a" * 63])
def test_only_digests_are_paths(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError):
        artifact_path(tmp_path, text)
