"""Prove each variant from its file on disk: it loads, how often it is right, how it agrees with the original."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Evidence
from edgeyard.domain.statistic import wilson_interval
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.measure_latency import Latency, measure_latency
from edgeyard.optimize.session import Session, runtime_name

ORIGINAL = "fp32"


@dataclass(frozen=True, slots=True)
class _Answers:
    """Predicted classes on both sets."""

    evaluation: NDArray[np.int64]
    golden: NDArray[np.int64] | None


def evaluate_variants(
    paths: Mapping[str, Path],
    evaluation: Dataset,
    golden: Dataset | None,
    latency_budget_s: float,
    on_variant: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Evidence], dict[str, str]]:
    """Measure the files in `paths` (by variant name, the original under `fp32`).

    Args:
        evaluation: labelled or not; without labels only the agreement with the original is known.
        latency_budget_s: how long latencies are measured, all variants together.
        on_variant: called with a variant's name before it is loaded, and with "latency".

    Returns:
        Evidence by name, and for those that failed, why.

    Raises:
        UserError: the original itself cannot be evaluated.
    """
    sessions: dict[str, Session] = {}
    answers: dict[str, _Answers] = {}
    problems: dict[str, str] = {}
    for name in sorted(paths, key=lambda name: name != ORIGINAL):
        on_variant(name)
        try:
            _check_file(paths[name])
            session = Session(paths[name])
            answers[name] = _Answers(_classes(session, evaluation), _classes(session, golden) if golden else None)
            sessions[name] = session
        except UserError as error:
            if name == ORIGINAL:
                raise
            problems[name] = error.what
        except MemoryError:
            if name == ORIGINAL:
                raise
            problems[name] = "It needs more memory than the job may use."
    on_variant("latency")
    latencies = measure_latency(sessions, ORIGINAL, evaluation, latency_budget_s)
    original = answers[ORIGINAL]
    evidence = {
        name: _evidence(answers[name], original, evaluation, golden, latencies[name])
        for name in paths
        if name in sessions
    }
    return evidence, problems


def _check_file(path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise UserError(f"The ONNX checker refuses the result: {str(error).strip()[:300]}") from error


def _classes(session: Session, dataset: Dataset) -> NDArray[np.int64]:
    classes: NDArray[np.int64] = session.scores(dataset).argmax(axis=1).astype(np.int64)
    return classes


def _evidence(
    answers: _Answers, original: _Answers, evaluation: Dataset, golden: Dataset | None, latency: Latency
) -> Evidence:
    samples = len(evaluation)
    accuracy = low = high = golden_accuracy = None
    golden_samples = 0
    if evaluation.y is not None:
        hits = int((answers.evaluation == evaluation.y).sum())
        accuracy = hits / samples
        low, high = wilson_interval(hits, samples)
    if golden is not None and golden.y is not None and answers.golden is not None:
        golden_accuracy = float((answers.golden == golden.y).mean())
        golden_samples = len(golden)
    return Evidence(
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        samples=samples,
        agreement=float((answers.evaluation == original.evaluation).mean()),
        latency_p50_ms=latency.p50_ms,
        latency_p95_ms=latency.p95_ms,
        latency_ratio=latency.ratio,
        measured_on=f"{host_facts().sentence}, {runtime_name()}, one thread",
        golden_accuracy=golden_accuracy,
        golden_samples=golden_samples,
    )
