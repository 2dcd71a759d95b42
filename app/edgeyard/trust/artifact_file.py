"""Files kept by their SHA-256: a name is a promise about the content."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import sync_folder

_CHUNK_BYTES = 1 << 20


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes of a file, read in chunks."""
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return digest.hexdigest(), size_bytes


def artifact_path(folder: Path, sha256: str) -> Path:
    """Where an artifact of this digest lies: `ab/abcdef…`, so that no folder grows too large."""
    return folder / sha256[:2] / sha256


def store_artifact(folder: Path, source: Path) -> tuple[str, int]:
    """Copy a file into the store, durably; returns SHA-256 and size. Raises `UserError` when there is no room."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".incoming.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as target, source.open("rb") as file:
            shutil.copyfileobj(file, target, _CHUNK_BYTES)
            target.flush()
            os.fsync(target.fileno())
        # Hash what was written, not what was read: the copy is what will be served.
        sha256, size_bytes = hash_file(temporary)
        path = artifact_path(folder, sha256)
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{source.name} cannot be copied to {folder} ({error.strerror}).",
            "Free space on that disk, then try again.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    sync_folder(folder)
    return sha256, size_bytes
