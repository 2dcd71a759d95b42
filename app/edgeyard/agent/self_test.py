"""The self-test of a staged model: accuracy on the release's golden set, and latency beside the model that runs.

Both models see the same samples in turn, in alternating order, so that whatever else the device does hits both alike.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyard.agent.model_session import ModelSession
from edgeyard.agent.quantile import quantile
from edgeyard.agent.runner_message import ModelFile, Test
from edgeyard.agent.sample_file import Samples, check_fit, read_samples
from edgeyard.domain.error import UserError
from edgeyard.domain.execution import TrialEvidence

MAX_SAMPLES = 2000
MIN_SAMPLES = 100
_WARM_UP_RUNS = 5
"""Also how many timed runs decide how many samples fit into the budget."""


class UnusableError(UserError):
    """`part` (`model` or `golden`) cannot be used."""

    def __init__(self, part: str, error: UserError) -> None:
        super().__init__(error.what, error.todo)
        self.part = part


class _Measured:
    """One model's answers and latencies so far."""

    def __init__(self, session: ModelSession) -> None:
        self.session = session
        self.classes: list[int] = []
        self.latencies_ms: list[float] = []
        self.problem = ""

    def answer(self, x: NDArray[np.float32]) -> None:
        """Run one sample; a failure is a wrong answer (class -1)."""
        try:
            scores, milliseconds = self.session.scores(x)
        except Exception as error:  # whatever the model raises is evidence against it
            self.classes.append(-1)
            self.problem = str(error)[:300]
            return
        self.classes.append(int(scores.argmax()))
        self.latencies_ms.append(milliseconds)


def run_self_test(test: Test, doing: Callable[[str], None]) -> TrialEvidence:
    """Carry out a test; `doing` hears what comes next. Raises `UnusableError`."""
    previous = None
    if test.previous is not None:
        # First, and named: if the process ends afterwards, it was the candidate.
        doing("loading the model that runs")
        with contextlib.suppress(UserError):  # it is only compared with
            previous = _load(test.previous)
    doing("loading the new model")
    try:
        candidate = _load(test.candidate)
    except UserError as error:
        raise UnusableError("model", error) from error
    if not test.golden_path:
        return TrialEvidence()
    golden = _read_golden(Path(test.golden_path), candidate)
    doing("running the new model on the golden set")
    return _measure(candidate, previous, golden, test.budget_s)


def _load(model: ModelFile) -> ModelSession:
    session = ModelSession(model)
    session.warm_up()
    return session


def _read_golden(path: Path, candidate: ModelSession) -> Samples:
    try:
        golden = read_samples(path, "golden set")
        if golden.y is None:
            raise UserError("The golden set has no labels.", "Release the model again with a labelled set.")
        check_fit(golden, candidate.preprocessing, candidate.model.input_shape)
    except UserError as error:
        raise UnusableError("golden", error) from error
    return golden


def _measure(candidate: ModelSession, previous: ModelSession | None, golden: Samples, budget_s: float) -> TrialEvidence:
    new = _Measured(candidate)
    old = _Measured(previous) if previous and _takes(previous, golden) else None
    pair = [new, old] if old else [new]
    indices = _chosen(pair, golden, budget_s)
    for turn, index in enumerate(indices):
        for measured in pair if turn % 2 else pair[::-1]:
            measured.answer(golden.prepared(index, measured.session.preprocessing))
    if not new.latencies_ms:
        raise UnusableError("model", UserError(f"The new model failed on every sample: {new.problem}"))
    assert golden.y is not None
    labels = golden.y[indices]
    answers = np.asarray(new.classes)
    before = np.asarray(old.classes) if old else None
    return TrialEvidence(
        samples=len(indices),
        accuracy=_share(answers == labels),
        previous_accuracy=None if before is None else _share(before == labels),
        agreement=None if before is None else _share(answers == before),
        latency_p50_ms=quantile(new.latencies_ms, 0.50),
        latency_p95_ms=quantile(new.latencies_ms, 0.95),
        latency_p99_ms=quantile(new.latencies_ms, 0.99),
        previous_latency_p95_ms=quantile(old.latencies_ms, 0.95) if old and old.latencies_ms else None,
    )


def _takes(previous: ModelSession, golden: Samples) -> bool:
    """A model of another kind ran before: it cannot be compared on this set."""
    try:
        check_fit(golden, previous.preprocessing, previous.model.input_shape)
    except UserError:
        return False
    return True


def _chosen(pair: Sequence[_Measured], golden: Samples, budget_s: float) -> NDArray[np.int64]:
    """Evenly spread samples, as many as the budget allows; warms both models up on the way."""
    begin = time.perf_counter()
    for _ in range(_WARM_UP_RUNS):
        for measured in pair:
            measured.answer(golden.prepared(0, measured.session.preprocessing))
            measured.classes.clear()
            measured.latencies_ms.clear()
    each_s = (time.perf_counter() - begin) / _WARM_UP_RUNS
    affordable = max(MIN_SAMPLES, int(budget_s / max(each_s, 1e-6)))
    count = min(len(golden), MAX_SAMPLES, affordable)
    return np.linspace(0, len(golden) - 1, count).round().astype(np.int64)


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean())
