"""The inside of a job's worker: inspect, plan, then step by step make and prove, and at the end compare the best.

`run_job` calls `work` and `outline` in jailed processes. Everything that is finished is in the cache at once, so that
a worker may be killed at any instant, and the next one goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.accuracy_verdict import drop_risk, within_drop
from edgeyard.optimize.engine.bench import Artifact, Bench, SidecarNeeded, StepProblem
from edgeyard.optimize.engine.cache import ModelCache
from edgeyard.optimize.engine.event import Event, JobNote, JobPlanned, StepDone, StepFailed, StepProgress, StepStarted
from edgeyard.optimize.engine.job_data import JobData, read_job_data
from edgeyard.optimize.engine.jury import Jury
from edgeyard.optimize.engine.make_plan import make_plan
from edgeyard.optimize.engine.preference import RISK
from edgeyard.optimize.engine.result import Rejected
from edgeyard.optimize.engine.task import JobOutline, Waiting, WorkReport, WorkTask
from edgeyard.optimize.engine.teller import Teller
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.proof.memory import MemoryProbe
from edgeyard.optimize.proof.prove import Prover
from edgeyard.optimize.recipe.default import default_recipe
from edgeyard.optimize.recipe.plan import Plan, PlannedStep
from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe, RecipeStep
from edgeyard.optimize.summary import ModelSummary

UNNEEDED = "unneeded"
_LEAST_S = 2.0
"""Without which an anytime pass is not begun."""
_HOPELESS = 3.0
"""A step that takes this much longer than what is left of the budget is not begun."""
_MOST_PACE = 5.0
_SHARE = 0.6
"""Of what is left of the budget, for a step that others follow."""
_PATIENCE, _PATIENCE_S = 1.5, 10.0
"""A step that takes this many times its share, and so many seconds more, is given up."""


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
        desk.begin()
        for step in desk.recipe.steps:
            desk.take(step)
        if task.run_off and not desk.waiting:
            desk.jury.compare_best()
        return desk.report()


@dataclass(slots=True)
class _Desk:
    """Everything that one run of the worker knows."""

    task: WorkTask
    on_event: Callable[[Event], None]
    probe: MemoryProbe
    teller: Teller = field(init=False)
    summary: ModelSummary = field(init=False)
    data: JobData = field(init=False)
    recipe: Recipe = field(init=False)
    plan: Plan = field(init=False)
    bench: Bench = field(init=False)
    jury: Jury = field(init=False)
    pace: float = 1.0
    """How much longer than planned things take on this machine, as the proof of the original showed."""
    rejected: dict[str, Rejected] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    deferred: set[str] = field(default_factory=set)
    ended: str = "complete"

    def __post_init__(self) -> None:
        job = self.task.job
        self.teller = Teller(self.task, self.on_event)
        cache = ModelCache(job.cache_dir, self.task.source_sha256)
        self.tell(JobNote(text=f"Inspecting {job.source.name}."))
        self.summary = inspect_model(cache.source)
        if self.summary.sha256 != self.task.source_sha256:
            raise UserError("The cached copy of the model was changed.", "Optimize it again.")
        self.data = read_job_data(job, self.summary)
        self.recipe = job.recipe or default_recipe(self.summary, job.profiles, job.wishes, job.max_drop)
        self.bench = Bench(job, cache, self.summary, self.data, self._tell_progress, self.task.sidecar_obstacles)
        prover = Prover(cache.source, self.data.evaluation, self.data.golden, self.probe, threads=job.threads)
        self.plan = make_plan(self.recipe, self.bench, self.summary, self.data, job.run_off_s, prover.screening_s)
        self.teller.total_s = self.plan.cost_s
        corrections = {(each.profile, each.precision): each for each in self.task.corrections}
        self.jury = Jury(job, cache, self.summary, self.data, self.bench, prover, self.teller, corrections)

    def tell(self, event: Event) -> None:
        """Send an event."""
        self.teller.tell(event)

    def begin(self) -> None:
        """Prove the original; `UserError` when that is not possible."""
        note = self.jury.limit_samples()
        if note:
            self.data = self.jury.data
            self.tell(JobNote(text=note))
        began = time.monotonic()
        kept = self.jury.prove(self.bench.original)
        planned_s = self.plan.proof_s - self.task.job.run_off_s
        self.teller.done_s += planned_s
        if not kept:
            self.pace = min(_MOST_PACE, max(1 / _MOST_PACE, (time.monotonic() - began) / planned_s))

    def take(self, step: RecipeStep) -> None:
        """Make and prove one step, or say why not."""
        held_up = {waiting.step for waiting in self.waiting} | self.deferred
        if step.source in held_up or step.unless in held_up:
            self.deferred.add(step.id)  # the next worker takes it, when the sidecar is through
            return
        try:
            artifact = self._make(step)
            if step.offer:
                self.jury.prove(artifact)
        except StepProblem as problem:
            self._reject(step, problem)
        except SidecarNeeded as needed:
            self.waiting.append(needed.waiting)
        planned = self._planned(step.id)
        self.teller.done_s += 0.0 if planned.obstacle or planned.cached else planned.cost_s

    def report(self) -> WorkReport:
        """What was done."""
        return WorkReport(
            summary=self.summary,
            preprocessing=self.data.preprocessing,
            recipe=self.recipe,
            plan=self.plan,
            candidates=tuple(self.jury.candidates.values()),
            rejected=tuple(self.rejected.values()),
            waiting=tuple(self.waiting),
            samples=self.data.samples,
            ended=self.ended,
            notes=self.data.notes,
        )

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
        obstacle = self._planned(step.id).obstacle
        if obstacle:
            raise StepProblem("obstacle", obstacle)
        cost_s = self._planned(step.id).cost_s * self.pace
        remaining_s = self.teller.remaining_s
        needed_s = _LEAST_S if getattr(PASSES[step.kind], "anytime", False) else cost_s / _HOPELESS
        if remaining_s <= 0 or needed_s > remaining_s:
            self.ended = "budget"
            left = f"{max(0.0, remaining_s):.0f} s of the {self.task.job.budget_s:g} s were left"
            raise StepProblem("budget", f"It takes about {cost_s:.0f} s, and {left}.")
        budget_s = self._share_of_budget(step)
        limit_s = budget_s * _PATIENCE + _PATIENCE_S
        text = f"{PASSES[step.kind].title}: making {step.id}."
        self.tell(StepStarted(step=step.id, limit_s=limit_s, text=text))
        made = self.bench.make(step, budget_s)
        self._tell_done(made)
        return made

    def _share_of_budget(self, step: RecipeStep) -> float:
        """What a step may take: all that is left but the run-off for the last one, a part of it for the others."""
        left_s = max(0.0, self.teller.remaining_s - self.task.job.run_off_s)
        return left_s if step is self.recipe.steps[-1] else left_s * _SHARE

    def _refuse_unneeded(self, step: RecipeStep) -> None:
        before = self.rejected.get(step.unless)
        if before is not None and before.cause == UNNEEDED:
            raise StepProblem(UNNEEDED, before.reason)
        candidates = self.jury.candidates
        spared_by = candidates.get(step.unless)
        max_drop = self.task.job.max_drop
        if spared_by is None or drop_risk(spared_by.evidence, max_drop) > RISK:
            return
        if within_drop(spared_by.evidence, candidates[ORIGINAL].evidence, max_drop):
            raise StepProblem(UNNEEDED, f"{step.unless} loses little enough.")

    def _planned(self, step: str) -> PlannedStep:
        return next(planned for planned in self.plan.steps if planned.id == step)

    def _tell_progress(self, step: str, done: float, text: str) -> None:
        part_s = self._planned(step).cost_s * min(1.0, max(0.0, done))
        self.teller.tell(StepProgress(step=step, done=done, text=text), part_s)

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
