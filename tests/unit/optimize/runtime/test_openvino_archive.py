"""Archives of OpenVINO models: one file, reproducible, and nothing of a foreign one gets out of its folder."""

import zipfile
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime import openvino_archive
from edgeyard.optimize.runtime.openvino_archive import pack_openvino, unpack_openvino


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def pack(folder: Path, name: str) -> Path:
    (folder / "a.xml").write_text("<net/>")
    (folder / "a.bin").write_bytes(b"1234")
    pack_openvino(folder / "a.xml", folder / "a.bin", folder / name)
    return folder / name


def test_what_was_packed_comes_out(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    graph = unpack_openvino(pack(tmp_path, "a.zip"), folder)
    assert graph.read_text() == "<net/>"
    assert graph.with_suffix(".bin").read_bytes() == b"1234"


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    assert pack(tmp_path, "a.zip").read_bytes() == pack(tmp_path, "b.zip").read_bytes()


@pytest.mark.parametrize(
    "members",
    [
        {"model.xml": b"<net/>"},
        {"model.xml": b"<net/>", "model.bin": b"", "other": b""},
        {"../model.xml": b"<net/>", "model.bin": b""},
        {"/model.xml": b"<net/>", "model.bin": b""},
    ],
    ids=["one is missing", "one too many", "climbs out", "absolute"],
)
def test_other_members_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(UserError, match="and nothing else"):
        unpack_openvino(archive(tmp_path / "a.zip", members), folder)
    assert not list(folder.iterdir())


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "a.zip", {"model.xml": b"<net/>", "model.bin": bytes(1 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="must not be compressed"):
        unpack_openvino(bomb, tmp_path)


def test_a_graph_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_archive, "MAX_GRAPH_BYTES", 3)
    with pytest.raises(UserError, match="more than is read"):
        unpack_openvino(pack(tmp_path, "a.zip"), tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 60, 120, 180])
def test_a_damaged_archive_is_refused(keep: int, tmp_path: Path) -> None:
    whole = pack(tmp_path, "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:keep])
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(UserError):
        unpack_openvino(tmp_path / "cut.zip", folder)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = pack(tmp_path, "a.zip")
    path.write_bytes(path.read_bytes().replace(b"1234", b"1235"))
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(UserError, match="damaged"):
        unpack_openvino(path, folder)
