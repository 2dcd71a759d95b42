"""The test a device and a wave must pass, as numbers a person can read in one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Thresholds; the device applies them to itself first, the hub to the whole wave afterwards.

    Accuracy drops are fractions (0.02 = 2 points) of the golden set against the device's own previous model;
    `max_latency_ratio` bounds new p95 ÷ previous p95; `min_latency_ms` is the p95 under which latency never fails
    (noise); `max_error_rate` bounds errors ÷ inferences in the trial.
    """

    max_accuracy_drop: float = 0.02
    max_evidence_drop: float = 0.02
    """How far the device's golden accuracy may lie under the accuracy proven when the variant was made."""
    max_latency_ratio: float = 1.5
    min_latency_ms: float = 5.0
    max_error_rate: float = 0.01
    min_inferences: int = 20
    trial_s: float = 30.0


@dataclass(frozen=True, slots=True)
class GateFinding:
    """One checked point: what was measured, the bound, and the sentence shown to the operator."""

    check: str
    verdict: Verdict
    sentence: str
    measured: float | None = None
    bound: float | None = None
