"""A job as one ZIP archive, to be run on another machine, and its result on the way back.

Both ends look at what arrives: the archive's names and sizes before anything is unpacked, and every artifact's digest
before it counts.
"""

from __future__ import annotations

import io
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from edgeyard import __version__
from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.result_folder import load_result, partial_folder, publish
from edgeyard.optimize.engine.run_job import run_job
from edgeyard.optimize.engine.suitability import HOST
from edgeyard.optimize.hardware_catalog import host_profile
from edgeyard.trust.artifact_file import hash_file

MAX_BYTES = 4 << 30
"""Unpacked, either way."""
MAX_FILES = 200_000
_JOB, _PLACES, _VERSION, _MODEL = "job.json", "data.json", "version.txt", "model.onnx"
_SETS = ("whole", "evaluation", "calibration", "golden")
_BESIDE = "preprocessing.json"


def pack_job(job: OptimizeJob) -> bytes:
    """The job with its model and data. Raises `UserError` when they cannot be read or are too large to be sent."""
    buffer = io.BytesIO()
    try:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_VERSION, __version__)
            archive.write(job.source, _MODEL)
            places = {name: _pack_data(archive, path, f"data/{name}") for name, path in _data(job)}
            archive.writestr(_PLACES, msgspec.json.encode(places))
            archive.writestr(_JOB, job_message.encode_json(replace(job, data=DataFiles())))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read ({error.strerror}).", "Check model and data.") from error
    return buffer.getvalue()


def run_shipment(
    package: bytes,
    cache_dir: Path,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
) -> bytes:
    """Run a packed job on this machine and pack its result; `host` in it is this machine.

    Raises:
        UserError: as `run_job`; or the package is of another version, or none.
    """
    with tempfile.TemporaryDirectory(prefix="edgeyard-shipment-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _unpack(package, folder)
        version = (folder / _VERSION).read_text("utf-8")
        if version != __version__:
            raise UserError(
                f"The job comes from Edgeyard {version}, but this machine has {__version__}.",
                "Install the same version on all machines of the cluster.",
            )
        job: OptimizeJob = job_message.decode_json((folder / _JOB).read_bytes(), OptimizeJob)
        places = msgspec.json.decode((folder / _PLACES).read_bytes(), type=dict[str, str])
        sets = {name: folder / place for name, place in places.items() if name in _SETS}
        out_dir = folder / "out"
        local = replace(
            job,
            source=folder / _MODEL,
            data=DataFiles(**sets),
            out_dir=out_dir,
            cache_dir=cache_dir,
            profiles=tuple(host_profile() if each.id == HOST else each for each in job.profiles),
        )
        run_job(local, on_event=on_event, cancel=cancel)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(out_dir.iterdir()):
                archive.write(path, path.name)
        return buffer.getvalue()


def take_result(package: bytes, out_dir: Path) -> JobResult:
    """Publish a packed result in `out_dir`, every artifact checked against its digest.

    Raises:
        UserError: the package is no result, or not what it says; or as `partial_folder`.
    """
    with partial_folder(out_dir) as staging:
        folder = staging / "received"
        folder.mkdir()
        _unpack(package, folder)
        result = load_result(folder)
        for candidate in result.candidates:
            path = folder / candidate.path.name
            if not path.is_file() or hash_file(path) != (candidate.sha256, candidate.size_bytes):
                raise UserError(f"What arrived as {candidate.name} is not what was made.", "Optimize again.")
        named = {candidate.path.name for candidate in result.candidates}
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()
        candidates = tuple(replace(each, path=out_dir / each.path.name) for each in result.candidates)
        result = replace(result, candidates=candidates)
        publish(folder, out_dir, result)
        return result


def _data(job: OptimizeJob) -> list[tuple[str, Path]]:
    return [(name, path) for name in _SETS if (path := getattr(job.data, name)) is not None]


def _pack_data(archive: zipfile.ZipFile, path: Path, place: str) -> str:
    """Add a file, or a folder with all its files; returns its place in the archive."""
    total = 0
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    beside = path.parent / _BESIDE
    if not path.is_dir() and beside.is_file():
        archive.write(beside, f"{place}/{_BESIDE}")
    for each in files[: MAX_FILES + 1]:
        total += each.stat().st_size
        if total > MAX_BYTES or len(files) > MAX_FILES:
            raise UserError(
                f"The data in {path} is too large to be sent.",
                f"Use less than {MAX_BYTES >> 30} GiB of it.",
            )
        inner = each.relative_to(path).as_posix() if path.is_dir() else each.name
        archive.write(each, f"{place}/{inner}")
    return place if path.is_dir() else f"{place}/{path.name}"


def _unpack(package: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            members = archive.infolist()
            if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
                raise UserError("What arrived is too large.", "Use a smaller data set.")
            root = folder.resolve()
            for member in members:
                if root not in (root / member.filename).resolve().parents:
                    raise UserError("What arrived names files outside its folder.", "Do not use this cluster.")
            archive.extractall(folder)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise UserError(f"What arrived is damaged ({error}).", "Try again.") from error
