"""Runs the steps of a recipe, inside the worker: takes what the cache has, makes what it lacks, and keeps it there."""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.cache import ModelCache, StepEntry
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.job_data import JobData, content_key
from edgeyard.optimize.engine.step_key import step_key
from edgeyard.optimize.engine.task import Waiting
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.recipe.recipe import ORIGINAL, RecipeStep
from edgeyard.optimize.recipe.setting import settings_of
from edgeyard.optimize.sidecar.message import SidecarReply
from edgeyard.optimize.step import Memo, Pass, Settings, StepInput, Trait
from edgeyard.optimize.summary import ModelSummary

SUFFIXES = {"onnx": ".onnx", "ort": ".ort", "tflite": ".tflite"}
ARCHIVE_SUFFIX = ".zip"
REPLY_FILE = "edgeyard-reply.json"
"""Written by the supervisor, into the folder in which a sidecar worked, once its artifact is verified."""
_MIN_STEP_S = 1.0
_MEMO_ENTRIES, _MEMO_SHARE = 2, 16
"""Steps share what they begin with, unless a copy of model and calibration samples is more than this part of the memory
that the job may use."""


class StepProblem(Exception):  # noqa: N818 - the ordinary way in which a step ends without an artifact
    """A step made nothing; `cause` as in `Rejected`."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


class SidecarNeeded(Exception):  # noqa: N818 - no error
    """The step's sidecar has to run before it can go on."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__(waiting.step)
        self.waiting = waiting


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a step has made, in the cache. `figures` and `way` are of all steps that led to it."""

    name: str
    title: str
    path: Path
    trait: Trait
    key: str
    sha256: str
    size_bytes: int
    cached: bool = False
    took_s: float = 0.0
    notes: tuple[str, ...] = ()
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    way: tuple[RecipeStep, ...] = ()


class Bench:
    """The steps of one job. `tell(step, done, text)` is what a pass says while it runs."""

    def __init__(
        self,
        job: OptimizeJob,
        cache: ModelCache,
        summary: ModelSummary,
        data: JobData,
        tell: Callable[[str, float, str], None],
        sidecar_obstacles: Mapping[str, str] | None = None,
    ) -> None:
        self._job = job
        self._cache = cache
        self._data = data
        self._tell = tell
        self._sidecar_obstacles = sidecar_obstacles or {}
        self._calibration_key = content_key(data.calibration)
        self._summaries = {ORIGINAL: summary}
        kept_bytes = summary.size_bytes + (data.calibration.x.nbytes if data.calibration is not None else 0)
        self._memo = Memo(_MEMO_ENTRIES if kept_bytes * _MEMO_SHARE <= job.memory_bytes else 0)
        trait = Trait(precision="int8") if summary.already_quantized else Trait()
        self.original = Artifact(
            ORIGINAL, "Original", cache.source, trait, summary.sha256, summary.sha256, summary.size_bytes
        )
        self.artifacts: dict[str, Artifact] = {ORIGINAL: self.original}

    def key(self, step: RecipeStep, source_key: str) -> str:
        """Where the step's artifact is, or would be, in the cache."""
        return step_key(source_key, step, PASSES[step.kind], self._calibration_key, self._job.seed)

    def is_kept(self, key: str) -> bool:
        """Whether the cache has an artifact of that key, its file unread."""
        return self._cache.has_step(key)

    def layers_of(self, artifact: Artifact) -> ModelSummary:
        """The layers of an artifact in 32 bits: its own, or those of the last step before it that still had them."""
        while artifact.way and artifact.trait.precision != "fp32":
            artifact = self.artifacts[artifact.way[-1].source]
        return self._summary(artifact)

    def obstacle(self, step: RecipeStep) -> str:
        """Why the step cannot run on its source (which must be there), in one sentence; empty when it can."""
        each, settings = _pass_of(step)
        given = self._given(step, self._cache.folder, _MIN_STEP_S)
        return each.obstacle(settings, given) or self._sidecar_obstacles.get(getattr(each, "sidecar", ""), "")

    def find(self, step: RecipeStep) -> Artifact | None:
        """The step's artifact from the cache, if it is there and good enough for this job."""
        each, settings = _pass_of(step)
        source = self.artifacts[step.source]
        key = self.key(step, source.key)
        entry = self._cache.find_step(key)
        if entry is None or not (entry.complete or self._job.budget_s <= entry.job_budget_s):
            return None
        return self._artifact(step, each.trait(settings, source.trait), key, entry, cached=True)

    def make(self, step: RecipeStep, budget_s: float) -> Artifact:
        """Run the step on its source, which must be there, and keep the artifact.

        Raises:
            StepProblem: it made nothing; the job goes on without it.
            SidecarNeeded: its sidecar has to run first.
        """
        each, settings = _pass_of(step)
        source = self.artifacts[step.source]
        try:
            trait = each.trait(settings, source.trait)
            suffix = SUFFIXES.get(trait.file_format, ARCHIVE_SUFFIX)
            with self._cache.workshop() as folder:
                scratch, out = folder / "scratch", folder / f"artifact{suffix}"
                scratch.mkdir()
                given = self._given(step, scratch, max(_MIN_STEP_S, budget_s))
                missing = self._sidecar_obstacles.get(getattr(each, "sidecar", ""), "")
                obstacle = each.obstacle(settings, given) or missing
                if obstacle:
                    raise StepProblem("obstacle", obstacle)
                started = time.monotonic()
                key = self.key(step, source.key)
                output = self._run(each, settings, given, out, step, key)
                if not out.is_file() or out.is_symlink():
                    raise StepProblem("failed", "It wrote no file.")
                figures = msgspec.to_builtins(dict(output.figures))
                took_s = time.monotonic() - started
                entry = StepEntry(
                    step.kind, suffix, "", 0, took_s, output.notes, figures, output.complete, self._job.budget_s
                )
                entry = self._cache.keep_step(key, out, entry)
                shutil.rmtree(self._sidecar_folder(key), ignore_errors=True)
                return self._artifact(step, trait, key, entry)
        except (StepProblem, SidecarNeeded):
            raise
        except Exception as error:  # whatever a pass dies of, the others go on; the result says what it was
            raise problem_of(error) from error

    def _run(self, each: Pass, settings: Settings, given: StepInput, out: Path, step: RecipeStep, key: str) -> Any:
        if not getattr(each, "sidecar", ""):
            return each.run(settings, given, out)
        folder = self._sidecar_folder(key)
        with contextlib.suppress(OSError, job_message.FrameError):
            reply: SidecarReply = job_message.decode_json((folder / REPLY_FILE).read_bytes(), SidecarReply)
            return each.finish(settings, given, folder, reply, out)  # type: ignore[attr-defined]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        request = each.prepare(settings, given, folder)  # type: ignore[attr-defined]
        raise SidecarNeeded(Waiting(step.id, folder, request))

    def _sidecar_folder(self, key: str) -> Path:
        return self._cache.folder / "sidecar" / key

    def _given(self, step: RecipeStep, scratch: Path, budget_s: float) -> StepInput:
        source = self.artifacts[step.source]
        return StepInput(
            source=source.path,
            summary=self._summary(source),
            trait=source.trait,
            calibration=self._data.calibration,
            scratch=scratch,
            seed=self._job.seed,
            budget_s=budget_s,
            memory_bytes=self._job.memory_bytes,
            threads=self._job.threads,
            original=self.artifacts[ORIGINAL].path,
            memo=self._memo,
            tell=lambda done, text: self._tell(step.id, done, text),
        )

    def _summary(self, artifact: Artifact) -> ModelSummary:
        """What is known of an artifact; that of its source where the file holds what inspection refuses."""
        if artifact.name not in self._summaries:
            source = self._summaries.get(artifact.way[-1].source, self._summaries[ORIGINAL])
            try:
                self._summaries[artifact.name] = inspect_model(artifact.path)
            except UserError:
                self._summaries[artifact.name] = replace(source, sha256=artifact.sha256, size_bytes=artifact.size_bytes)
            if artifact.trait.precision == "int8":
                known = self._summaries[artifact.name]
                self._summaries[artifact.name] = replace(known, already_quantized=True)
        return self._summaries[artifact.name]

    def _artifact(
        self, step: RecipeStep, trait: Trait, key: str, entry: StepEntry, *, cached: bool = False
    ) -> Artifact:
        source = self.artifacts[step.source]
        made = Artifact(
            name=step.id,
            title=PASSES[step.kind].title,
            path=self._cache.artifact(key, entry),
            trait=trait,
            key=key,
            sha256=entry.sha256,
            size_bytes=entry.size_bytes,
            cached=cached,
            took_s=entry.took_s,
            notes=entry.notes,
            figures={**source.figures, **({step.id: entry.figures} if entry.figures else {})},
            way=(*source.way, step),
        )
        self.artifacts[step.id] = made
        return made


def problem_of(error: Exception) -> StepProblem:
    """What went wrong, in words."""
    if isinstance(error, UserError):
        return StepProblem("failed", error.what)
    if isinstance(error, MemoryError):
        return StepProblem("memory", "It ran out of memory.")
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    if full or "No space left on device" in str(error):  # native code says it in its own errors
        return StepProblem("disk", "There was no room on the disk for it: make room, and optimize again.")
    lines = str(error).strip().splitlines()
    return StepProblem("failed", f"It failed: {(lines[0] if lines else type(error).__name__)[:300]}")


def _pass_of(step: RecipeStep) -> tuple[Pass, Settings]:
    each = PASSES[step.kind]
    return each, settings_of(each.settings_type, step.settings)
