"""Makes candidates of artifacts by proving them, and has the best few meet at the end; figures are kept on disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.optimize.correction_store import Corrections
from edgeyard.optimize.engine.bench import Artifact, Bench, StepProblem, problem_of
from edgeyard.optimize.engine.cache import ModelCache
from edgeyard.optimize.engine.choose import choose, finalists, hopeless_everywhere
from edgeyard.optimize.engine.code_digest import code_digest
from edgeyard.optimize.engine.estimates import ESTIMATED, estimate_measurements
from edgeyard.optimize.engine.event import CandidateProven, JobNote, ParetoChanged, StepStarted
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.job_data import JobData, content_key
from edgeyard.optimize.engine.lineage import lineage_of
from edgeyard.optimize.engine.pareto import pareto_names
from edgeyard.optimize.engine.result import Candidate, Measurement
from edgeyard.optimize.engine.step_key import digest_of, tool_versions
from edgeyard.optimize.engine.teller import Teller
from edgeyard.optimize.host import core_count, host_facts
from edgeyard.optimize.proof import prove
from edgeyard.optimize.proof.limits import file_limits
from edgeyard.optimize.proof.prove import Proof, Prover, with_latency
from edgeyard.optimize.recipe.recipe import ORIGINAL
from edgeyard.optimize.summary import ModelSummary

RUN_OFF = "run-off"
_FIGURES_AGE_S = 86_400.0
"""How long a latency counts: a machine changes, and an old figure must not decide for ever."""
_JUDGING_SHARE, _LEAST_SAMPLES = 0.15, 100
"""Of the budget of time, for one model's answers on all evaluation samples; and how many these are at least."""
_MORE_THREADS_SHARE = 1 / 3
"""Of the run-off's time, for thread counts besides one."""


@dataclass(frozen=True, slots=True)
class _KeptProof:
    proof: Proof
    at: float


@dataclass(frozen=True, slots=True)
class _KeptRunOff:
    measurements: dict[str, tuple[Measurement, ...]]
    at: float


@dataclass(frozen=True, slots=True)
class _KeptCount:
    samples: int


@dataclass(slots=True)
class Jury:
    """The candidates of one job, by name, the original first."""

    job: OptimizeJob
    cache: ModelCache
    summary: ModelSummary
    data: JobData
    bench: Bench
    prover: Prover
    teller: Teller
    corrections: Corrections
    candidates: dict[str, Candidate] = field(default_factory=dict)
    _said: tuple[object, ...] = ()

    def limit_samples(self) -> str:
        """Judge on fewer samples when all of them would take too much of the budget; what people should know of it.

        The count is kept, so that the same job judges alike when it is run again.
        """
        evaluation, budget_s = self.data.evaluation, self.job.budget_s
        name = self._figures_key("samples", budget_s)
        kept = self.cache.find_figures(name, _KeptCount)
        if kept is None:
            fitting = int(budget_s * _JUDGING_SHARE / self.prover.seconds_per_sample())
            kept = _KeptCount(max(_LEAST_SAMPLES, fitting))
            self._keep_figures(name, kept)
        if kept.samples >= len(evaluation):
            return ""
        self.data = replace(self.data, evaluation=evaluation.first(kept.samples))
        self.prover.evaluation = self.data.evaluation
        return (
            f"Variants are judged on the first {kept.samples} of {len(evaluation)} evaluation samples: all would take"
            f" too much of the {budget_s:g} s."
        )

    def prove(self, artifact: Artifact) -> bool:
        """Prove an artifact and make it a candidate; whether its figures were kept from before.

        Raises:
            StepProblem: it cannot be proven. For the original, whatever the matter is.
        """
        title = f"{artifact.title}: proving {artifact.name}."
        self.teller.tell(StepStarted(step=artifact.name, phase="prove", text=title))
        try:
            proof, kept = self._proof(artifact)
        except Exception as error:
            if artifact.name == ORIGINAL:
                raise
            problem = problem_of(error)
            cause = "unproven" if problem.cause == "failed" else problem.cause
            raise StepProblem(cause, problem.reason) from error
        self.candidates[artifact.name] = Candidate(
            name=artifact.name,
            title=artifact.title,
            trait=artifact.trait,
            path=artifact.path,
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            evidence=proof.evidence,
            measurements=(*proof.measurements, *self._estimates(artifact)),
            limits=file_limits(artifact.path, artifact.trait, self.job.profiles),
            steps=tuple(step.id for step in artifact.way),
            notes=(*artifact.notes, *proof.notes),
            figures=artifact.figures,
            lineage=lineage_of(artifact, self.summary, self.data.calibration),
        )
        self._tell(artifact.name)
        for note in proof.notes:
            self.teller.tell(JobNote(text=f"{artifact.name}: {note}"))
        return kept

    def compare_best(self) -> None:
        """Time the best few and the original side by side, so that noise of single measurements does not decide.

        A candidate that only comes to the top because others fell is timed in a second round.
        """
        job, timed = self.job, set[str]()
        for _ in range(2):
            names = finalists(tuple(self.candidates.values()), job.profiles, host_facts(), job.max_drop, job.budgets)
            runnable = tuple(name for name in names if self.candidates[name].evidence.latency_ratio is not None)
            if set(runnable) <= timed:
                return
            timed |= set(runnable)
            text = f"Comparing {', '.join(runnable)} with the original, side by side."
            self.teller.tell(StepStarted(step=RUN_OFF, phase="prove", text=text))
            for name, measurements in self._run_off(runnable).items():
                self._replace_measurements(name, measurements)

    def _proof(self, artifact: Artifact) -> tuple[Proof, bool]:
        name = self._figures_key("proof", artifact.sha256, artifact.trait.runtime, self.prover.screening_s)
        kept = self.cache.find_figures(name, _KeptProof)
        job = self.job

        def hopeless(evidence: Evidence, measured: Measurement) -> str:
            others = tuple(candidate for name, candidate in self.candidates.items() if name != artifact.name)
            return hopeless_everywhere(
                evidence, measured, artifact.trait, job.profiles, host_facts(), job.max_drop, others, job.budgets
            )

        if kept is not None and abs(time.time() - kept.at) < _FIGURES_AGE_S:
            found = kept.proof
            whole = not found.measurements or found.evidence.samples == len(self.data.evaluation)
            if whole or hopeless(found.evidence, found.measurements[0]):
                return found, True
        proof = self.prover.prove(artifact.path, artifact.trait, hopeless)
        self._keep_figures(name, _KeptProof(proof, time.time()))
        return proof, False

    def _estimates(self, artifact: Artifact) -> tuple[Measurement, ...]:
        layers = self.bench.layers_of(artifact)
        return estimate_measurements(
            layers, artifact.trait, self.summary, self.job.profiles, host_facts(), self.corrections
        )

    def _run_off(self, names: tuple[str, ...]) -> dict[str, tuple[Measurement, ...]]:
        budget_s = self.job.run_off_s
        counts = thread_counts(self.job.profiles)
        digests = sorted(self.candidates[name].sha256 for name in names)
        key = self._figures_key(RUN_OFF, digests, budget_s, counts)
        kept = self.cache.find_figures(key, _KeptRunOff)
        if kept is not None and abs(time.time() - kept.at) < _FIGURES_AGE_S and set(names) < set(kept.measurements):
            return kept.measurements
        files = {name: (self.candidates[name].path, self.candidates[name].trait) for name in names}
        found: dict[str, tuple[Measurement, ...]] = {}
        for threads in counts:
            share_s = budget_s if threads == 1 else budget_s * _MORE_THREADS_SHARE
            for name, measurement in self.prover.run_off(files, share_s, threads).items():
                found[name] = (*found.get(name, ()), measurement)
        self._keep_figures(key, _KeptRunOff(found, time.time()))
        return found

    def _replace_measurements(self, name: str, measurements: tuple[Measurement, ...]) -> None:
        candidate = self.candidates[name]
        memory = next((m.memory_bytes for m in candidate.measurements if m.memory_bytes is not None), None)
        first = replace(measurements[0], memory_bytes=memory)
        estimated = (m for m in candidate.measurements if m.label == ESTIMATED)
        self.candidates[name] = replace(
            candidate,
            evidence=with_latency(candidate.evidence, first),
            measurements=(first, *measurements[1:], *estimated),
        )
        self._tell(name)

    def _figures_key(self, *parts: object) -> str:
        sets = (content_key(self.data.evaluation), content_key(self.data.golden))
        return digest_of(*parts, sets, host_facts().sentence, tool_versions(), code_digest(prove.__name__))

    def _keep_figures(self, name: str, figures: _KeptProof | _KeptRunOff | _KeptCount) -> None:
        # Figures hold without being kept: on a full disk the next job measures again.
        with contextlib.suppress(OSError):
            self.cache.keep_figures(name, figures)

    def _tell(self, changed: str) -> None:
        """Tell of a candidate, and of the Pareto set and the choice if they are others now."""
        job, found = self.job, tuple(self.candidates.values())
        evidence = self.candidates[changed].evidence
        right = evidence.accuracy if evidence.accuracy is not None else evidence.agreement
        said = "not run here" if right is None else f"{right * 100:.1f} %, {evidence.latency_ratio or 0:.2f}×"
        self.teller.tell(CandidateProven(candidate=self.candidates[changed], text=f"{changed} is proven: {said}."))
        names = pareto_names(found)
        choices = choose(found, job.profiles, host_facts(), job.max_drop, job.budgets)
        picked = {choice.profile: choice.picked for choice in choices}
        if self._said != (names, picked):
            self._said = (names, picked)
            self.teller.tell(ParetoChanged(names=names, picked=picked, text=f"Best so far: {', '.join(names)}."))


def thread_counts(profiles: Sequence[HardwareProfile]) -> tuple[int, ...]:
    """One, and what the profiles' devices would use as far as this machine has the cores."""
    return tuple(sorted({1, *(min(profile.cores, core_count()) for profile in profiles)}))
