"""What is never computed twice: artifacts of steps, and figures of proofs, on disk, one folder per model.

An entry is made in a folder of its own and put in place by one rename, so that it is complete or not there, whoever is
killed whenever; its file is hashed again whenever it is used. Workers may write only to the folder of the model that
they have read: an entry that a hostile model forged can harm no other model.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import is_digest
from edgeyard.optimize import job_message
from edgeyard.trust.artifact_file import hash_file
from edgeyard.trust.durable_file import sync_file, sync_folder, write_durably

T = TypeVar("T")

SOURCE_FILE = "source.onnx"
_ENTRY_FILE = "entry.json"
_ARTIFACT = "artifact"
_MAX_JSON_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class StepEntry:
    """One finished step. `job_budget_s` is the budget of the job that made it: an incomplete search is only good for
    jobs with no more."""

    kind: str
    suffix: str
    sha256: str
    size_bytes: int
    took_s: float
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    complete: bool = True
    job_budget_s: float = 0.0


class ModelCache:
    """The folder of one model. All methods may be called by several processes at once."""

    def __init__(self, root: Path, model_sha256: str) -> None:
        if not is_digest(model_sha256):
            raise UserError("The cache is kept by SHA-256 digest.", "Give the model's digest.")
        self.folder = root / model_sha256

    @property
    def source(self) -> Path:
        """The original, which `keep_source` puts there."""
        return self.folder / SOURCE_FILE

    def keep_source(self, data: bytes) -> None:
        """Make the folder, remove what dead processes left, and put the original in it. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        if not self.source.is_file() or self.source.read_bytes() != data:
            write_durably(self.source, data)
        os.utime(self.folder)  # the order in which models were used last, for `trim`

    def artifact(self, key: str, entry: StepEntry) -> Path:
        """Where the artifact of an entry lies."""
        return self._step(key) / f"{_ARTIFACT}{entry.suffix}"

    def find_step(self, key: str) -> StepEntry | None:
        """The entry of that key, if its artifact is there and is what was written; a damaged one is removed."""
        entry = self._read(self._step(key) / _ENTRY_FILE, StepEntry)
        if entry is None:
            return None
        try:
            intact = hash_file(self.artifact(key, entry)) == (entry.sha256, entry.size_bytes)
        except OSError:
            intact = False
        if not intact:
            shutil.rmtree(self._step(key), ignore_errors=True)
        return entry if intact else None

    def has_step(self, key: str) -> bool:
        """Whether there is an entry, its artifact unread: for plans."""
        return (self._step(key) / _ENTRY_FILE).is_file()

    @contextlib.contextmanager
    def workshop(self) -> Iterator[Path]:
        """A temporary folder in which a step makes its artifact; gone afterwards. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".work-{os.getpid()}-", dir=self.folder, ignore_cleanup_errors=True
        ) as name:
            yield Path(name)

    def keep_step(self, key: str, artifact: Path, entry: StepEntry) -> StepEntry:
        """Put a finished artifact, in a `workshop`, in its place, durably; returns the entry that holds from now on.

        The digest and size in `entry` are taken from the file. Raises `OSError`.
        """
        with artifact.open("r+b") as file:
            sync_file(file.fileno())
        sha256, size_bytes = hash_file(artifact)
        entry = StepEntry(
            entry.kind,
            entry.suffix,
            sha256,
            size_bytes,
            entry.took_s,
            entry.notes,
            entry.figures,
            entry.complete,
            entry.job_budget_s,
        )
        made = artifact.parent / f"entry-{key}"
        made.mkdir()
        artifact.replace(made / f"{_ARTIFACT}{entry.suffix}")
        write_durably(made / _ENTRY_FILE, job_message.encode_json(entry))
        place = self._step(key)
        place.parent.mkdir(exist_ok=True)
        for _ in range(2):
            try:
                made.replace(place)
            except OSError:
                # There is one already: incomplete, damaged, or made by another process at the same moment.
                if not place.exists():
                    raise
                shutil.rmtree(place, ignore_errors=True)
            else:
                break
        sync_folder(place.parent)
        return entry

    def find_figures(self, name: str, kind: type[T]) -> T | None:
        """What was kept under a name (a digest), or `None`."""
        return self._read(self._figures(name), kind)

    def keep_figures(self, name: str, figures: Any) -> None:
        """Keep a dataclass as JSON. Raises `OSError`."""
        path = self._figures(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, job_message.encode_json(figures))

    def _step(self, key: str) -> Path:
        return self.folder / "steps" / key

    def _figures(self, name: str) -> Path:
        return self.folder / "figures" / f"{name}.json"

    def _read(self, path: Path, kind: type[T]) -> T | None:
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_JSON_BYTES)
            value: T = job_message.decode_json(data, kind)
        except (OSError, job_message.FrameError):
            return None
        return value

    def _remove_leftovers(self) -> None:
        for path in self.folder.glob(".work-*"):
            pid = path.name.split("-")[1]
            if not (pid.isdecimal() and psutil.pid_exists(int(pid))):
                shutil.rmtree(path, ignore_errors=True)


def trim_cache(root: Path, limit_bytes: int, keep: str = "") -> int:
    """Remove the folders of models that were not used for the longest time until `limit_bytes` are left; returns the
    bytes removed. `keep` is a digest whose folder stays."""
    folders = [path for path in root.iterdir() if path.is_dir() and is_digest(path.name)] if root.is_dir() else []
    sizes = {path: sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) for path in folders}
    total, removed = sum(sizes.values()), 0
    for path in sorted(folders, key=lambda path: path.stat().st_mtime):
        if total - removed <= limit_bytes:
            break
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
            removed += sizes[path]
    return removed
