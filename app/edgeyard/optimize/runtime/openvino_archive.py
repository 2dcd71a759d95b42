"""An OpenVINO model as one file: an uncompressed ZIP of `model.xml` (the graph) and `model.bin` (the weights).

One file, because slots, digests and downloads know files; uncompressed, so that what it unpacks to is what it weighs.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import IO

from edgeyard.domain.error import UserError
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES

GRAPH_MEMBER, WEIGHTS_MEMBER = "model.xml", "model.bin"
MAX_GRAPH_BYTES = 64 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COPY_BYTES = 1 << 20
_MAKE_AGAIN = "Optimize the model again."


def pack_openvino(graph: Path, weights: Path, out: Path) -> None:
    """Write the archive: the same bytes for the same two files, whenever and wherever it is made."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, path in ((GRAPH_MEMBER, graph), (WEIGHTS_MEMBER, weights)):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3
            member.external_attr = 0o600 << 16
            with path.open("rb") as source, archive.open(member, "w", force_zip64=False) as target:
                shutil.copyfileobj(source, target, _COPY_BYTES)


def unpack_openvino(path: Path, folder: Path) -> Path:
    """Write the two files into `folder` (empty, private) and return the graph's path.

    Raises:
        UserError: it is no such archive: other members, compressed ones, or more bytes than the limits.
    """
    try:
        if path.stat().st_size > MAX_ARTIFACT_BYTES:
            raise UserError(f"{path.name} is larger than a device takes.", "Use a smaller model.")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members)
            for member in members:
                with archive.open(member) as source, (folder / member.filename).open("xb") as target:
                    _copy_bounded(source, target, member.file_size)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise UserError(f"{path.name} is no OpenVINO archive, or it is damaged ({error}).", _MAKE_AGAIN) from error
    return folder / GRAPH_MEMBER


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if sorted(member.filename for member in members) != sorted((GRAPH_MEMBER, WEIGHTS_MEMBER)):
        raise UserError(f"An OpenVINO archive holds {GRAPH_MEMBER} and {WEIGHTS_MEMBER} and nothing else.", _MAKE_AGAIN)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UserError("An OpenVINO archive must not be compressed.", _MAKE_AGAIN)
    limits = {GRAPH_MEMBER: MAX_GRAPH_BYTES, WEIGHTS_MEMBER: MAX_ARTIFACT_BYTES}
    for member in members:
        if member.file_size > limits[member.filename]:
            raise UserError(f"{member.filename} has {member.file_size >> 20} MiB, more than is read.", _MAKE_AGAIN)


def _copy_bounded(source: IO[bytes], target: IO[bytes], size_bytes: int) -> None:
    left = size_bytes
    while left > 0:
        part = source.read(min(_COPY_BYTES, left))
        if not part:
            raise EOFError("cut short")
        target.write(part)
        left -= len(part)
