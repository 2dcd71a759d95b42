"""Studies: optimizations of any model file with any data, kept on this machine with what was asked, said and found.

A study is a folder: `study.json` (what is asked; written once), `events.jsonl` (what the running job said; begun anew
at each run) and `out/` (the result; complete or not there). What was finished lies in the shared cache, so that a run
that was cancelled or killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.event import Event
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob, ProfileBudget
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.result_folder import RESULT_FILE
from edgeyard.optimize.engine.task import JobOutline
from edgeyard.optimize.recipe.recipe import Wishes
from edgeyard.trust.artifact_file import hash_file
from edgeyard.trust.durable_file import make_folder, sync_file, sync_folder, write_durably

_REQUEST, _EVENTS, _OUT = "study.json", "events.jsonl", "out"
_MAX_REQUEST_BYTES = 1 << 20
MAX_EVENT_BYTES = 16 << 20
"""Of a log that is longer, the end is not read."""
_MAX_STUDIES = 500


class StudyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. `max_drop` is a fraction, `limits` hold on every profile, `prune` are shares of channels; an empty
    `recipe` means the default one."""

    model: Path
    data: Path
    profiles: tuple[str, ...]
    max_drop: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    budget_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 120.0
    memory_bytes: Annotated[int, msgspec.Meta(ge=256 << 20, le=1 << 40)] = 4 << 30
    limits: ProfileBudget = ProfileBudget()
    prune: tuple[Annotated[float, msgspec.Meta(gt=0, lt=1)], ...] = ()
    formats: tuple[str, ...] = ()
    recipe: Annotated[str, msgspec.Meta(max_length=256 * 1024)] = ""
    created_at: float = 0.0

    @property
    def title(self) -> str:
        """The model's file name without its suffix."""
        return self.model.stem


@dataclass(frozen=True, slots=True)
class Study:
    """One study in its folder. `finished_at`: when its result was published (Unix seconds), if it was."""

    id: str
    folder: Path
    request: StudyRequest
    finished_at: float | None = None


@dataclass(slots=True)
class EventLog:
    """Reads what a study's job said, piece by piece; another run begins a new log."""

    study: Study
    events: list[Event] = field(default_factory=list)
    _place: int = 0
    _file: tuple[int, int] = (0, 0)

    def read_on(self) -> bool:
        """Take in what is new; whether anything is. Half a line at the end waits for its rest."""
        path = self.study.folder / _EVENTS
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_dev, status.st_ino) != self._file or status.st_size < self._place:
                    self._file, self._place, self.events = (status.st_dev, status.st_ino), 0, []
                file.seek(self._place)
                data = file.read(MAX_EVENT_BYTES - self._place)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.splitlines():
            try:
                self.events.append(job_message.decode_json(line, Event))
            except job_message.FrameError:
                continue  # written by another version of this program: the result itself still stands
        return bool(whole)


def studies_folder(folder: SiteFolder) -> Path:
    """Where the studies of a site lie on this machine."""
    return folder.jobs / "studies"


def create_study(folder: SiteFolder, request: StudyRequest) -> Study:
    """Keep a new study. Raises `UserError` when model or data are not there, or the folder cannot be written."""
    for path, what in ((request.model, "model"), (request.data, "data")):
        if not path.exists():
            raise UserError(f"There is no {what} {path}.", f"Choose the {what} again.")
    if not request.profiles:
        raise UserError("No hardware profile is chosen.", "Choose at least one, such as this machine.")
    if request.recipe:
        from edgeyard.optimize.recipe.read import read_recipe

        read_recipe(request.recipe)
    study_id = f"{int(request.created_at or time.time()):x}-{secrets.token_hex(3)}"
    place = studies_folder(folder) / study_id
    try:
        make_folder(place)
        write_durably(place / _REQUEST, job_message.encode_json(request))
    except OSError as error:
        raise UserError(
            f"The study cannot be kept in {place} ({error.strerror}).", "Make room on the disk, then try again."
        ) from error
    return Study(study_id, place, request)


def list_studies(folder: SiteFolder) -> list[Study]:
    """All studies, the newest first. One that cannot be read is left out."""
    try:
        names = sorted((entry.name for entry in studies_folder(folder).iterdir()), reverse=True)
    except OSError:
        return []
    found = (_read(studies_folder(folder) / name) for name in names[:_MAX_STUDIES])
    return [study for study in found if study is not None]


def get_study(folder: SiteFolder, study_id: str) -> Study:
    """One study. Raises `UserError`."""
    known = studies_folder(folder) / study_id
    study = _read(known) if known.parent == studies_folder(folder) else None
    if study is None:
        raise UserError("This study is not on this machine any more.", "Start a new one.")
    return study


def delete_study(folder: SiteFolder, study_id: str) -> None:
    """Remove a study with its result. What it computed stays in the cache for a while."""
    shutil.rmtree(get_study(folder, study_id).folder, ignore_errors=True)


def outline_study(folder: SiteFolder, request: StudyRequest, *, cancel: threading.Event | None = None) -> JobOutline:
    """What a study would do and about how long it takes; blocks. Nothing is kept. Raises what `plan_job` raises."""
    from edgeyard.optimize.engine.run_job import plan_job

    return plan_job(_job(folder, request, studies_folder(folder) / "plan"), cancel=cancel)


def _job(folder: SiteFolder, request: StudyRequest, out_dir: Path) -> OptimizeJob:
    """What the engine is asked. Raises `UserError` for a recipe or profile that cannot be used."""
    from edgeyard.optimize.engine.profile import find_profiles
    from edgeyard.optimize.recipe.read import read_recipe

    profiles = find_profiles(request.profiles)
    return OptimizeJob(
        source=request.model,
        data=DataFiles(whole=request.data),
        out_dir=out_dir,
        cache_dir=folder.jobs / "cache",
        profiles=profiles,
        budgets={profile.id: request.limits for profile in profiles},
        recipe=read_recipe(request.recipe) if request.recipe else None,
        wishes=Wishes(prune=request.prune, formats=request.formats),
        max_drop=request.max_drop,
        budget_s=request.budget_s,
        memory_bytes=request.memory_bytes,
        background=True,
    )


def run_study(
    folder: SiteFolder,
    study_id: str,
    on_event: Callable[[Event], None] = lambda _event: None,
    cancel: threading.Event | None = None,
) -> JobResult:
    """Run a study and keep what it says; blocks. Raises what `run_job` raises."""
    from edgeyard.optimize.engine.run_job import run_job

    study = get_study(folder, study_id)
    job = _job(folder, study.request, study.folder / _OUT)
    log = study.folder / _EVENTS
    try:
        log.unlink(missing_ok=True)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise UserError(f"The study cannot be written ({error.strerror}).", "Make room on the disk.") from error

    def hear(event: Event) -> None:
        # What is said is for showing: a full disk must not end the work, the result has its own message.
        with contextlib.suppress(OSError):
            os.write(handle, job_message.encode_json(event).replace(b"\n", b" ") + b"\n")
        on_event(event)

    try:
        return run_job(job, on_event=hear, cancel=cancel)
    finally:
        os.close(handle)


def study_result(study: Study) -> JobResult | None:
    """The result of the last run that came to its end, or `None`."""
    from edgeyard.optimize.engine.result_folder import load_result

    try:
        return load_result(study.folder / _OUT)
    except UserError:
        return None


def save_candidate(study: Study, name: str, to: Path) -> None:
    """Copy the file of a candidate, whole or not at all; an older `to` is replaced. Blocks.

    Raises `UserError` when the result has no such file any more, or `to` cannot be written.
    """
    result = study_result(study)
    found = next((each for each in result.candidates if each.name == name), None) if result else None
    if found is None or not found.path.is_file():
        raise UserError(f"The file of {name} is not there.", "Run the optimization again to its end.")
    if hash_file(found.path)[0] != found.sha256:
        raise UserError(f"The file of {name} was changed since it was proven.", "Run the optimization again.")
    temporary = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    try:
        shutil.copyfile(found.path, temporary)
        with temporary.open("rb") as file:
            sync_file(file.fileno())
        temporary.replace(to)
        sync_folder(to.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UserError(f"{to} cannot be written ({error.strerror}).", "Choose another place, or make room.") from error


def _read(place: Path) -> Study | None:
    try:
        with (place / _REQUEST).open("rb") as file:
            data = file.read(_MAX_REQUEST_BYTES)
        request: StudyRequest = job_message.decode_json(data, StudyRequest)
    except (OSError, job_message.FrameError):
        return None
    finished_at = None
    with contextlib.suppress(OSError):
        finished_at = (place / _OUT / RESULT_FILE).stat().st_mtime
    return Study(place.name, place, request, finished_at)
