"""Files kept by their SHA-256: a name is a promise about the content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import is_digest
from edgeyard.trust.durable_file import make_folder, sync_file, sync_folder

_CHUNK_BYTES = 1 << 20


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes of a file, read in chunks. Raises `OSError`."""
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return digest.hexdigest(), size_bytes


def artifact_path(folder: Path, sha256: str) -> Path:
    """Where an artifact of this digest lies: `ab/abcdef…`, so that no folder grows too large.

    Raises `UserError` for anything but a digest: the text may come from outside, and must not lead out of the folder.
    """
    if not is_digest(sha256):
        raise UserError(f"{sha256[:80]!r} is not a SHA-256 digest.", "Give its 64 lower-case hex characters.")
    return folder / sha256[:2] / sha256


def store_artifact(folder: Path, source: Path) -> tuple[str, int]:
    """Copy a file into the store, durably; returns SHA-256 and size in bytes.

    Raises `UserError` when the source cannot be read or there is no room; the store is then as it was.
    """
    try:
        with source.open("rb") as file:
            make_folder(folder)
            handle, name = tempfile.mkstemp(dir=folder, prefix=".incoming.", suffix=".new")
            temporary = Path(name)
            try:
                with os.fdopen(handle, "wb") as target:
                    shutil.copyfileobj(file, target, _CHUNK_BYTES)
                    target.flush()
                    sync_file(target.fileno())
                return _adopt(folder, temporary)
            finally:
                temporary.unlink(missing_ok=True)
    except FileNotFoundError as error:
        raise UserError(f"{source} is not there.", "Choose another file.") from error
    except OSError as error:
        raise UserError(
            f"{source.name} cannot be copied to {folder} ({error.strerror}).",
            "Check that the file can be read and that the disk has room, then try again.",
        ) from error


def _adopt(folder: Path, temporary: Path) -> tuple[str, int]:
    # Hash what was written, not what was read: the copy is what will be served.
    sha256, size_bytes = hash_file(temporary)
    path = artifact_path(folder, sha256)
    make_folder(path.parent)
    temporary.replace(path)
    sync_folder(path.parent)
    return sha256, size_bytes
