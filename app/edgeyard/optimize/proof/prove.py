"""Prove artifacts from their files: each is loaded, judged on every sample, timed beside the original, and weighed.

The answers of the original are computed once, when the first artifact needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.model import Evidence
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.engine.result import Measurement
from edgeyard.optimize.engine.suitability import HOST
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.proof.check_file import check_file
from edgeyard.optimize.proof.latency import Latency, measure_latency
from edgeyard.optimize.proof.memory import MemoryProbe
from edgeyard.optimize.proof.numerics import compare_scores
from edgeyard.optimize.recipe.recipe import ORIGINAL
from edgeyard.optimize.runtime.open_session import open_session, runtime_name, runtime_obstacle
from edgeyard.optimize.runtime.session import RuntimeSession
from edgeyard.optimize.step import Trait

SCREENING_SAMPLES = 500
"""What is enough to see that an artifact will not do."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found out about one file on this machine. `notes` say what could not be, and why."""

    evidence: Evidence
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answers:
    """Scores N×classes of the original on both sets."""

    evaluation: NDArray[np.float32]
    golden: NDArray[np.float32] | None


@dataclass(slots=True)
class Prover:
    """Proves the files of one job. `golden` must have labels; `evaluation` may have."""

    original: Path
    evaluation: Dataset
    golden: Dataset | None
    memory: MemoryProbe
    screening_s: float = 0.15
    """How long an artifact and the original are timed when it is proven."""
    threads: int = 1
    """For answers; latency is measured with one."""
    _session: RuntimeSession | None = None
    _answers: _Answers | None = None
    _sample: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def prove(
        self, path: Path, trait: Trait, hopeless: Callable[[Evidence, Measurement], str] = lambda _e, _m: ""
    ) -> Proof:
        """Prove one artifact; the original itself when `path` is its.

        Its latency is measured first, then its answers on the first `SCREENING_SAMPLES`. When `hopeless` says, of these
        figures, why it cannot be chosen any more, the other samples are spared, and the reason is noted.

        Raises:
            UserError: the checker refuses it, it cannot be loaded or run, or it is no classifier.
            MemoryError: it needs more than the job may use.
        """
        check_file(path, trait)
        obstacle = runtime_obstacle(trait)
        if obstacle:
            return Proof(Evidence(), notes=(obstacle,))
        original = self._open_original()
        session = original if path == self.original else open_session(path, trait)
        answers = self._original_answers()
        sessions = {ORIGINAL: original} if session is original else {ORIGINAL: original, "this": session}
        latency = measure_latency(sessions, ORIGINAL, self.evaluation, self.screening_s)
        peak = self.memory.peak_bytes(path, trait, self._sample)
        measured = host_measurement(latency[ORIGINAL if session is original else "this"], trait, 1, peak)
        if session is original:
            evidence, reason = self._compare(answers.evaluation, answers), ""
        else:
            session = self._for_answers(path, trait, session)
            evidence, reason = self._judge(session, answers, lambda found: hopeless(found, measured))
        evidence = self._with_golden(evidence, session, original, answers)
        notes = [f"Judged on the first {evidence.samples} samples only: {reason}"] if reason else []
        if session is original and len(set(answers.evaluation.argmax(axis=1).tolist())) == 1:
            notes.append("It gives every evaluation sample the same class: agreement with it says nothing.")
        return Proof(with_latency(evidence, measured), (measured,), tuple(notes))

    def seconds_per_sample(self) -> float:
        """About how long the original takes for one sample."""
        return (
            measure_latency({ORIGINAL: self._open_original()}, ORIGINAL, self.evaluation, 0.05)[ORIGINAL].p50_ms / 1e3
        )

    def run_off(
        self, artifacts: Mapping[str, tuple[Path, Trait]], budget_s: float, threads: int
    ) -> dict[str, Measurement]:
        """Time several artifacts and the original (under `ORIGINAL`) side by side, each loaded anew."""
        sessions = {ORIGINAL: open_session(self.original, Trait(), threads)}
        sessions |= {name: open_session(path, trait, threads) for name, (path, trait) in artifacts.items()}
        latencies = measure_latency(sessions, ORIGINAL, self.evaluation, budget_s)
        traits = {ORIGINAL: Trait(), **{name: trait for name, (_, trait) in artifacts.items()}}
        return {name: host_measurement(latency, traits[name], threads) for name, latency in latencies.items()}

    def _open_original(self) -> RuntimeSession:
        if self._session is None:
            self._session = open_session(self.original, Trait())
            self._sample = next(self.evaluation.first(1).batches(1))
        return self._session

    def _for_answers(self, path: Path, trait: Trait, session: RuntimeSession) -> RuntimeSession:
        return session if self.threads == 1 else open_session(path, trait, self.threads, spin=False)

    def _original_answers(self) -> _Answers:
        if self._answers is None:
            session = self._for_answers(self.original, Trait(), self._open_original())
            golden = session.scores(self.golden) if self.golden is not None else None
            self._answers = _Answers(session.scores(self.evaluation), golden)
        return self._answers

    def _judge(
        self, session: RuntimeSession, answers: _Answers, hopeless: Callable[[Evidence], str]
    ) -> tuple[Evidence, str]:
        """Figures over all samples and no reason; or over the first only, and why that is enough."""
        first = session.scores(self.evaluation.first(SCREENING_SAMPLES))
        evidence = self._compare(first, answers)
        if len(self.evaluation) <= SCREENING_SAMPLES:
            return evidence, ""
        reason = hopeless(evidence)
        if reason:
            return evidence, reason
        rest = session.scores(self.evaluation.after(SCREENING_SAMPLES))
        return self._compare(np.concatenate([first, rest]), answers), ""

    def _compare(self, scores: NDArray[np.float32], answers: _Answers) -> Evidence:
        count, labels = len(scores), self.evaluation.y
        return compare_scores(scores, answers.evaluation[:count], None if labels is None else labels[:count])

    def _with_golden(
        self, evidence: Evidence, session: RuntimeSession, original: RuntimeSession, answers: _Answers
    ) -> Evidence:
        golden = self.golden
        if golden is None or golden.y is None or answers.golden is None:
            return evidence
        scores = answers.golden if session is original else session.scores(golden)
        accuracy = float((scores.argmax(axis=1) == golden.y).mean())
        return replace(evidence, golden_accuracy=accuracy, golden_samples=len(golden))


def host_measurement(latency: Latency, trait: Trait, threads: int, peak_bytes: int | None = None) -> Measurement:
    """What was measured on this machine, labelled with it."""
    said = "one thread" if threads == 1 else f"{threads} threads"
    return Measurement(
        profile=HOST,
        label=HOST,
        measured_on=f"{host_facts().sentence}, {runtime_name(trait)}, {said}",
        threads=threads,
        p50_ms=latency.p50_ms,
        p95_ms=latency.p95_ms,
        ratio=latency.ratio,
        ratio_low=latency.ratio_low,
        ratio_high=latency.ratio_high,
        memory_bytes=peak_bytes,
        repetitions=latency.repetitions,
    )


def with_latency(evidence: Evidence, measured: Measurement) -> Evidence:
    """The evidence with what one thread on this machine took."""
    return replace(
        evidence,
        latency_p50_ms=measured.p50_ms,
        latency_p95_ms=measured.p95_ms,
        latency_ratio=measured.ratio,
        latency_ratio_low=measured.ratio_low,
        latency_ratio_high=measured.ratio_high,
        memory_bytes=measured.memory_bytes,
        measured_on=measured.measured_on,
        label=measured.label,
    )
