"""Models: taking a version in, making and proving its variants, finding and removing one."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import default_profiles
from edgeyard.domain.identifier import check_identifier
from edgeyard.domain.model import ModelVersion
from edgeyard.optimize.engine.cache import trim_cache
from edgeyard.optimize.engine.event import Event, StepDone
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.profile import find_profiles
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.run_job import run_job
from edgeyard.optimize.import_check import MODEL_FILE, ImportFacts, set_file
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.pipeline import import_in_worker
from edgeyard.store import journal, model, variant
from edgeyard.trust.artifact_file import hash_file, store_artifact
from edgeyard.trust.durable_file import sync_folder

OnProgress = Callable[[Progress], None]

_SPLIT_SEED = 1
_CACHE_BYTES = 4 << 30
_RUN_OFF_S = 0.5


def import_model(
    workspace: Workspace,
    path: Path,
    name: str,
    data: Path,
    *,
    version: int = 0,
    note: str = "",
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
) -> int:
    """Take in a trained ONNX model with its data as the next version of `name`; returns the version's database id.

    `data` is a folder with the three sets, or one labelled data set (`optimize.import_check`). Nothing is kept when
    anything is unfit. Raises `UserError`.
    """
    check_identifier(name, "model name")
    library = workspace.folder.library
    incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=library))
    try:
        facts = import_in_worker(path, data, incoming, _SPLIT_SEED, cancel=cancel, on_progress=on_progress)
        source_digest, size_bytes = hash_file(incoming / MODEL_FILE)
        _refuse_known(workspace, source_digest)
        golden_digest, golden_bytes = store_artifact(artifact_folder(workspace), incoming / set_file("golden"))
        kept = source_folder(workspace, source_digest)
        shutil.rmtree(kept, ignore_errors=True)
        incoming.replace(kept)
        sync_folder(library)
    except OSError as error:
        raise UserError(
            f"{path.name} cannot be taken in ({error.strerror}).", f"Check the disk of {library}."
        ) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    added = _add_version(workspace, name, version, note, facts, source_digest, size_bytes, golden_digest, golden_bytes)
    return added.id


def optimize_version(
    workspace: Workspace,
    version_id: int,
    *,
    profiles: tuple[str, ...] = (),
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
) -> JobResult:
    """Make, prove and choose the variants of an imported version, for the usual hardware unless told otherwise.

    What was finished when it was cancelled or killed is found again the next time.
    """
    found = _get(workspace, version_id)
    if found.stage == "released":
        raise UserError(f"{found.label} is released; its variants can no longer change.", "Import it as a new version.")
    source = source_folder(workspace, found.source_digest)
    if not (source / MODEL_FILE).is_file():
        raise UserError(f"The files of {found.label} are not on this machine.", "Optimize it where it was imported.")
    job = OptimizeJob(
        source=source / MODEL_FILE,
        data=DataFiles(
            evaluation=source / set_file("evaluation"),
            calibration=source / set_file("calibration"),
            golden=source / set_file("golden"),
        ),
        preprocessing=found.preprocessing,
        out_dir=workspace.folder.jobs / f"version-{version_id}",
        cache_dir=cache_folder(workspace),
        profiles=find_profiles(profiles or default_profiles()),
        background=True,
        run_off_s=_RUN_OFF_S,
    )
    result = run_job(job, on_event=_teller(on_progress), cancel=cancel)
    _keep_variants(workspace, found, result)
    shutil.rmtree(job.out_dir, ignore_errors=True)
    trim_cache(job.cache_dir, _CACHE_BYTES, keep=found.source_digest)
    return result


def cache_folder(workspace: Workspace) -> Path:
    """Where this machine keeps what optimizations have finished, by model."""
    return workspace.folder.jobs / "cache"


def find_version(workspace: Workspace, text: str) -> ModelVersion:
    """Find `model:version`; raises `UserError`."""
    name, _, number = text.partition(":")
    if not number.isdecimal():
        raise UserError(f"{text!r} names no version.", "Write it as model:version, such as yard-vision:2.")
    with workspace.database.read() as connection:
        found = model.find_version(connection, name, int(number[:9]))
    if found is None:
        raise UserError(f"There is no {name} {number}.", "List them with: edgeyard model list")
    return found


def delete_version(workspace: Workspace, version_id: int) -> None:
    """Delete a version that was not released. Raises `UserError`."""
    found = _get(workspace, version_id)
    now = workspace.clock()
    with workspace.database.write() as connection:
        model.delete_version(connection, version_id, now)
        journal.note(connection, workspace.operator_name, "version deleted", found.label, "", now)
    shutil.rmtree(source_folder(workspace, found.source_digest), ignore_errors=True)
    shutil.rmtree(cache_folder(workspace) / found.source_digest, ignore_errors=True)


def source_folder(workspace: Workspace, source_digest: str) -> Path:
    """Where an imported version's model and data lie on this machine."""
    return workspace.folder.library / source_digest


def artifact_folder(workspace: Workspace) -> Path:
    """Where this machine keeps variants and self-test sets by digest until they are uploaded, and after."""
    return workspace.folder.library / "files"


def _get(workspace: Workspace, version_id: int) -> ModelVersion:
    with workspace.database.read() as connection:
        found = model.get_version(connection, version_id)
    if found is None:
        raise UserError("This version does not exist any more.", "Choose another one.")
    return found


def _refuse_known(workspace: Workspace, source_digest: str) -> None:
    with workspace.database.read() as connection:
        for known in model.list_models(connection):
            for version in known.versions:
                if version.source_digest == source_digest:
                    raise UserError(f"This file is already here as {version.label}.", "Use that version.")


def _add_version(
    workspace: Workspace,
    name: str,
    number: int,
    note: str,
    facts: ImportFacts,
    source_digest: str,
    size_bytes: int,
    golden_digest: str,
    golden_bytes: int,
) -> ModelVersion:
    summary, now = facts.summary, workspace.clock()
    with workspace.database.write() as connection:
        added = model.add_version(
            connection,
            model=name,
            version=number,
            source_digest=source_digest,
            source_size_bytes=size_bytes,
            parameters=summary.parameters,
            multiply_adds=summary.multiply_adds,
            opset=summary.opset,
            inputs=summary.inputs,
            outputs=summary.outputs,
            preprocessing=facts.preprocessing,
            golden_digest=golden_digest,
            golden_size_bytes=golden_bytes,
            note=note,
            now=now,
        )
        text = f"{size_bytes:,} bytes, {summary.parameters:,} parameters"
        journal.note(connection, workspace.operator_name, "version imported", added.label, text, now)
    return added


def _teller(on_progress: OnProgress | None) -> Callable[[Event], None]:
    """Events as lines of a job's log."""

    def tell(event: Event) -> None:
        notes = event.notes if isinstance(event, StepDone) else ()
        if on_progress is not None and event.text:
            stage = type(event).__struct_config__.tag
            on_progress(Progress(event.fraction, " ".join((event.text, *notes)), str(stage)))

    return tell


def _keep_variants(workspace: Workspace, found: ModelVersion, result: JobResult) -> None:
    for made in result.candidates:
        store_artifact(artifact_folder(workspace), made.path)
    now = workspace.clock()
    with workspace.database.write() as connection:
        for made in result.candidates:
            variant.add_variant(
                connection,
                found.id,
                name=made.name,
                precision=made.precision,
                digest=made.sha256,
                size_bytes=made.size_bytes,
                profiles=made.profiles,
                evidence=made.evidence,
                reasons=made.reasons,
                lineage=made.lineage,
                now=now,
            )
        model.set_version_stage(connection, found.id, "optimized", now)
        text = ", ".join(f"{profile}: {name}" for profile, name in result.picked.items())
        journal.note(connection, workspace.operator_name, "version optimized", found.label, text, now)
