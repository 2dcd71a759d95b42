"""The inside of a job's worker: inspect, plan, then step by step make and prove, and at the end compare the best.

`run_job` calls `work` and `outline` in jailed processes. Everything that is finished is in the cache at once, so that
a worker may be killed at any instant, and the next one goes on where it was.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Evidence
from edgeyard.optimize.correction_store import Corrections
from edgeyard.optimize.engine.accuracy_verdict import within_drop
from edgeyard.optimize.engine.bench import Artifact, Bench, SidecarNeeded, StepProblem, problem_of
from edgeyard.optimize.engine.cache import ModelCache
from edgeyard.optimize.engine.choose import choose, finalists, hopeless_everywhere
from edgeyard.optimize.engine.code_digest import code_digest
from edgeyard.optimize.engine.estimates import ESTIMATED, estimate_measurements
from edgeyard.optimize.engine.event import (
    CandidateProven,
    Event,
    JobNote,
    JobPlanned,
    ParetoChanged,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
)
from edgeyard.optimize.engine.job_data import JobData, content_key, read_job_data
from edgeyard.optimize.engine.lineage import lineage_of
from edgeyard.optimize.engine.make_plan import make_plan
from edgeyard.optimize.engine.pareto import pareto_names
from edgeyard.optimize.engine.result import Candidate, Measurement, Rejected
from edgeyard.optimize.engine.step_key import digest_of, tool_versions
from edgeyard.optimize.engine.task import JobOutline, Waiting, WorkReport, WorkTask
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.proof import prove
from edgeyard.optimize.proof.memory import MemoryProbe
from edgeyard.optimize.proof.prove import Proof, Prover, with_latency
from edgeyard.optimize.recipe.default import default_recipe
from edgeyard.optimize.recipe.plan import Plan, PlannedStep
from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe, RecipeStep
from edgeyard.optimize.summary import ModelSummary

RUN_OFF = "run-off"
_FIGURES_AGE_S = 86_400.0
"""How long a latency counts: a machine changes, and an old figure must not decide for ever."""
_HOPELESS = 3.0
"""A step that takes this much longer than what is left of the budget is not begun."""
_MOST_PACE = 5.0
_SHARE = 0.6
"""Of what is left of the budget, for a step that others follow."""
_PATIENCE, _PATIENCE_S = 1.5, 10.0
"""A step that takes this many times its share, and so many seconds more, is given up."""


@dataclass(frozen=True, slots=True)
class _KeptProof:
    proof: Proof
    at: float


@dataclass(frozen=True, slots=True)
class _KeptRunOff:
    measurements: dict[str, tuple[Measurement, ...]]
    at: float


def outline(task: WorkTask) -> JobOutline:
    """What the job would do: inspection, data, recipe and plan, and nothing more."""
    with MemoryProbe() as probe:
        desk = _Desk(task, lambda _event: None, probe)
        return JobOutline(
            desk.summary, desk.data.preprocessing, desk.recipe, desk.plan, desk.data.samples, desk.data.notes
        )


def work(task: WorkTask, on_event: Callable[[Event], None]) -> WorkReport:
    """Do all of the job that needs no sidecar.

    Raises:
        UserError: the model or the data cannot be used, or the original itself cannot be run.
    """
    with MemoryProbe() as probe:  # forked before anything is loaded
        desk = _Desk(task, on_event, probe)
        desk.tell(JobPlanned(plan=desk.plan, text=f"{len(desk.plan.steps)} steps, about {desk.plan.cost_s:.0f} s."))
        for note in desk.data.notes:
            desk.tell(JobNote(text=note))
        desk.prove(desk.bench.original)
        for step in desk.recipe.steps:
            desk.take(step)
        if task.run_off and not desk.waiting:
            desk.compare_best()
        return desk.report()


@dataclass(slots=True)
class _Desk:
    """Everything that one run of the worker knows."""

    task: WorkTask
    on_event: Callable[[Event], None]
    probe: MemoryProbe
    summary: ModelSummary = field(init=False)
    data: JobData = field(init=False)
    recipe: Recipe = field(init=False)
    plan: Plan = field(init=False)
    corrections: Corrections = field(init=False)
    bench: Bench = field(init=False)
    cache: ModelCache = field(init=False)
    prover: Prover = field(init=False)
    started: float = field(default_factory=time.monotonic)
    done_s: float = 0.0
    """Planned seconds of what is behind us."""
    pace: float = 1.0
    """How much longer than planned things take on this machine, as the proof of the original showed."""
    candidates: dict[str, Candidate] = field(default_factory=dict)
    rejected: dict[str, Rejected] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    deferred: set[str] = field(default_factory=set)
    ended: str = "complete"
    _said: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        job = self.task.job
        self.cache = ModelCache(job.cache_dir, self.task.source_sha256)
        self.tell(JobNote(text=f"Inspecting {job.source.name}."))
        self.summary = inspect_model(self.cache.source)
        if self.summary.sha256 != self.task.source_sha256:
            raise UserError("The cached copy of the model was changed.", "Optimize it again.")
        self.data = read_job_data(job, self.summary)
        self.recipe = job.recipe or default_recipe(self.summary, job.profiles, job.wishes)
        self.corrections = {(each.profile, each.precision): each for each in self.task.corrections}
        self.bench = Bench(job, self.cache, self.summary, self.data, self._tell_progress)
        self.prover = Prover(self.cache.source, self.data.evaluation, self.data.golden, self.probe)
        self.plan = make_plan(self.recipe, self.bench, self.summary, self.data, job.run_off_s, self.prover.screening_s)

    # --- telling ------------------------------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """Since the job began, earlier workers included."""
        return self.task.elapsed_s + time.monotonic() - self.started

    @property
    def remaining_s(self) -> float:
        """What is left of the budget; below 0 when it is over."""
        return self.task.job.budget_s - self.elapsed_s

    def tell(self, event: Event, part_s: float = 0.0) -> None:
        """Send an event with the job's fraction and time in it; `part_s` are planned seconds of what runs now."""
        total = self.plan.cost_s if hasattr(self, "plan") else 0.0
        fraction = min(0.99, (self.done_s + part_s) / total) if total else 0.0
        self.on_event(msgspec.structs.replace(event, fraction=fraction, at_s=self.elapsed_s))

    def _tell_progress(self, step: str, done: float, text: str) -> None:
        part_s = self._planned(step).cost_s * min(1.0, max(0.0, done))
        self.tell(StepProgress(step=step, done=done, text=text), part_s)

    def _planned(self, step: str) -> PlannedStep:
        return next(planned for planned in self.plan.steps if planned.id == step)

    # --- steps --------------------------------------------------------------------------------------------------------

    def take(self, step: RecipeStep) -> None:
        """Make and prove one step, or say why not."""
        held_up = {waiting.step for waiting in self.waiting} | self.deferred
        if step.source in held_up or step.unless in held_up:
            self.deferred.add(step.id)  # the next worker takes it, when the sidecar is through
            return
        try:
            artifact = self._make(step)
            if step.offer:
                self.prove(artifact)
        except StepProblem as problem:
            self._reject(step, problem)
        except SidecarNeeded as needed:
            self.waiting.append(needed.waiting)
        self.done_s += self._planned(step.id).cost_s

    def _make(self, step: RecipeStep) -> Artifact:
        skip = self.task.skipped.get(step.id)
        if skip is not None:
            raise StepProblem(skip.cause, skip.reason)
        if step.source in self.rejected:
            raise StepProblem("source", f"{step.source}, which it works on, was not made.")
        self._refuse_unneeded(step)
        found = self.bench.find(step)
        if found is not None:
            self._tell_done(found)
            return found
        cost_s = self._planned(step.id).cost_s * self.pace
        remaining_s = self.remaining_s
        if remaining_s <= 0 or cost_s > remaining_s * _HOPELESS:
            self.ended = "budget"
            left = f"{max(0.0, remaining_s):.0f} s of the {self.task.job.budget_s:g} s were left"
            raise StepProblem("budget", f"It takes about {cost_s:.0f} s, and {left}.")
        title = PASSES[step.kind].title
        budget_s = self._share_of_budget(step)
        limit_s = budget_s * _PATIENCE + _PATIENCE_S
        self.tell(StepStarted(step=step.id, limit_s=limit_s, text=f"{title}: making {step.id}."))
        made = self.bench.make(step, budget_s)
        self._tell_done(made)
        return made

    def _share_of_budget(self, step: RecipeStep) -> float:
        """What a step may take: all that is left but the run-off for the last one, a part of it for the others."""
        left_s = max(0.0, self.remaining_s - self.task.job.run_off_s)
        return left_s if step is self.recipe.steps[-1] else left_s * _SHARE

    def _refuse_unneeded(self, step: RecipeStep) -> None:
        spared_by = self.candidates.get(step.unless)
        original = self.candidates[ORIGINAL]
        if spared_by is not None and within_drop(spared_by.evidence, original.evidence, self.task.job.max_drop):
            raise StepProblem("unneeded", f"{step.unless} loses little enough.")

    def _tell_done(self, artifact: Artifact) -> None:
        self.tell(
            StepDone(
                step=artifact.name,
                took_s=artifact.took_s,
                cached=artifact.cached,
                size_bytes=artifact.size_bytes,
                notes=artifact.notes,
                figures=artifact.figures.get(artifact.name, {}),
                text=f"{artifact.title}: {artifact.name} is {'there already' if artifact.cached else 'made'}.",
            )
        )

    def _reject(self, step: RecipeStep, problem: StepProblem) -> None:
        title = PASSES[step.kind].title
        self.rejected[step.id] = Rejected(step.id, title, problem.cause, problem.reason)
        text = f"{title}: {step.id} is left out. {problem.reason}"
        self.tell(StepFailed(step=step.id, cause=problem.cause, reason=problem.reason, text=text))

    # --- proof --------------------------------------------------------------------------------------------------------

    def prove(self, artifact: Artifact) -> None:
        """Prove an artifact and make it a candidate; `UserError` when it is the original that cannot be proven.

        Raises:
            StepProblem: the artifact cannot be proven.
        """
        title = f"{artifact.title}: proving {artifact.name}."
        self.tell(StepStarted(step=artifact.name, phase="prove", text=title))
        began = time.monotonic()
        try:
            proof, cached = self._proof(artifact)
        except Exception as error:
            if artifact.name == ORIGINAL:
                raise
            problem = problem_of(error)
            cause = "unproven" if problem.cause == "failed" else problem.cause
            raise StepProblem(cause, problem.reason) from error
        if artifact.name == ORIGINAL:
            planned_s = self.plan.proof_s - self.task.job.run_off_s
            self.done_s += planned_s
            self.pace = 1.0 if cached else min(_MOST_PACE, max(1 / _MOST_PACE, (time.monotonic() - began) / planned_s))
        self.candidates[artifact.name] = Candidate(
            name=artifact.name,
            title=artifact.title,
            trait=artifact.trait,
            path=artifact.path,
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            evidence=proof.evidence,
            measurements=(*proof.measurements, *self._estimates(artifact)),
            steps=tuple(step.id for step in artifact.way),
            notes=(*artifact.notes, *proof.notes),
            figures=artifact.figures,
            lineage=lineage_of(artifact, self.summary, self.data.calibration),
        )
        self._tell_candidates(artifact.name)

    def _estimates(self, artifact: Artifact) -> tuple[Measurement, ...]:
        layers, profiles = self.bench.layers_of(artifact), self.task.job.profiles
        return estimate_measurements(layers, artifact.trait, self.summary, profiles, host_facts(), self.corrections)

    def _proof(self, artifact: Artifact) -> tuple[Proof, bool]:
        """The proof, and whether an earlier job had it."""
        name = self._figures_key("proof", artifact.sha256, artifact.trait.runtime, self.prover.screening_s)
        kept = self.cache.find_figures(name, _KeptProof)

        def hopeless(evidence: Evidence, measured: Measurement) -> str:
            job = self.task.job
            return hopeless_everywhere(evidence, measured, artifact.trait, job.profiles, host_facts(), job.max_drop)

        if kept is not None and abs(time.time() - kept.at) < _FIGURES_AGE_S:
            found = kept.proof
            whole = not found.measurements or found.evidence.samples == len(self.data.evaluation)
            if whole or hopeless(found.evidence, found.measurements[0]):
                return found, True
        proof = self.prover.prove(artifact.path, artifact.trait, hopeless)
        self._keep_figures(name, _KeptProof(proof, time.time()))
        return proof, False

    def _keep_figures(self, name: str, figures: _KeptProof | _KeptRunOff) -> None:
        # Figures hold without being kept: on a full disk the next job measures again.
        with contextlib.suppress(OSError):
            self.cache.keep_figures(name, figures)

    def _figures_key(self, *parts: object) -> str:
        sets = (content_key(self.data.evaluation), content_key(self.data.golden))
        return digest_of(*parts, sets, host_facts().sentence, tool_versions(), code_digest(prove.__name__))

    def _tell_candidates(self, changed: str) -> None:
        """Tell of a candidate, and of the Pareto set and the choice if they are others now."""
        job, found = self.task.job, tuple(self.candidates.values())
        evidence = self.candidates[changed].evidence
        right = evidence.accuracy if evidence.accuracy is not None else evidence.agreement
        said = "not run here" if right is None else f"{right * 100:.1f} %, {evidence.latency_ratio or 0:.2f}×"
        self.tell(CandidateProven(candidate=self.candidates[changed], text=f"{changed} is proven: {said}."))
        names = pareto_names(found)
        picked = {
            choice.profile: choice.picked
            for choice in choose(found, job.profiles, host_facts(), job.max_drop, job.budgets)
        }
        if self._said != (names, picked):
            self._said = (names, picked)
            self.tell(ParetoChanged(names=names, picked=picked, text=f"Best so far: {', '.join(names)}."))

    # --- run-off ------------------------------------------------------------------------------------------------------

    def compare_best(self) -> None:
        """Time the best few and the original side by side, so that noise of single measurements does not decide.

        A candidate that only comes to the top because others fell is timed in a second round.
        """
        job, timed = self.task.job, set[str]()
        for _ in range(2):
            names = finalists(tuple(self.candidates.values()), job.profiles, host_facts(), job.max_drop, job.budgets)
            runnable = tuple(name for name in names if self.candidates[name].evidence.latency_ratio is not None)
            if set(runnable) <= timed:
                return
            timed |= set(runnable)
            text = f"Comparing {', '.join(runnable)} with the original, side by side."
            self.tell(StepStarted(step=RUN_OFF, phase="prove", text=text))
            measured = self._run_off(runnable)
            for name, measurements in measured.items():
                self._replace_measurements(name, measurements)

    def _run_off(self, names: tuple[str, ...]) -> dict[str, tuple[Measurement, ...]]:
        budget_s = self.task.job.run_off_s
        key = self._figures_key(RUN_OFF, sorted(self.candidates[name].sha256 for name in names), budget_s)
        kept = self.cache.find_figures(key, _KeptRunOff)
        if kept is not None and abs(time.time() - kept.at) < _FIGURES_AGE_S and set(names) < set(kept.measurements):
            return kept.measurements
        files = {name: (self.candidates[name].path, self.candidates[name].trait) for name in names}
        thread_counts = sorted({1, *self._profile_threads()})
        found: dict[str, tuple[Measurement, ...]] = {}
        for threads in thread_counts:
            share = budget_s if threads == 1 else budget_s / 3
            for name, measurement in self.prover.run_off(files, share, threads).items():
                found[name] = (*found.get(name, ()), measurement)
        self._keep_figures(key, _KeptRunOff(found, time.time()))
        return found

    def _profile_threads(self) -> set[int]:
        """How many threads the profiles' devices would use, as far as this machine has the cores."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {min(profile.cores, cores) for profile in self.task.job.profiles}

    def _replace_measurements(self, name: str, measurements: tuple[Measurement, ...]) -> None:
        candidate = self.candidates[name]
        memory = next((m.memory_bytes for m in candidate.measurements if m.memory_bytes is not None), None)
        first = replace(measurements[0], memory_bytes=memory)
        self.candidates[name] = replace(
            candidate,
            evidence=with_latency(candidate.evidence, first),
            measurements=(first, *measurements[1:], *(m for m in candidate.measurements if m.label == ESTIMATED)),
        )
        self._tell_candidates(name)

    def report(self) -> WorkReport:
        """What was done."""
        return WorkReport(
            summary=self.summary,
            preprocessing=self.data.preprocessing,
            recipe=self.recipe,
            plan=self.plan,
            candidates=tuple(self.candidates.values()),
            rejected=tuple(self.rejected.values()),
            waiting=tuple(self.waiting),
            samples=self.data.samples,
            ended=self.ended,
            notes=self.data.notes,
        )
