"""The rules of a rollout as sentences with a number in them that a person may change. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeyard.domain.rollout import RolloutPolicy


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence, `before` + number + `after`, with bounds for the number and how the policy takes it up."""

    name: str
    before: str
    after: str
    low: float
    high: float
    step: float
    decimals: int
    read: Callable[[RolloutPolicy], float]
    write: Callable[[RolloutPolicy, float], RolloutPolicy]
    why: str


def _accuracy(policy: RolloutPolicy, points: float) -> RolloutPolicy:
    share = round(points / 100, 6)
    return replace(policy, gate=replace(policy.gate, max_accuracy_drop=share, max_evidence_drop=share))


def _latency(policy: RolloutPolicy, ratio: float) -> RolloutPolicy:
    return replace(policy, gate=replace(policy.gate, max_latency_ratio=ratio))


def _errors(policy: RolloutPolicy, percent: float) -> RolloutPolicy:
    return replace(policy, gate=replace(policy.gate, max_error_rate=round(percent / 100, 6)))


def _trial(policy: RolloutPolicy, seconds: float) -> RolloutPolicy:
    return replace(policy, gate=replace(policy.gate, trial_s=seconds))


def _success(policy: RolloutPolicy, percent: float) -> RolloutPolicy:
    return replace(policy, success_threshold=round(percent / 100, 6))


def _soak(policy: RolloutPolicy, seconds: float) -> RolloutPolicy:
    return replace(policy, soak_s=seconds)


def _deadline(policy: RolloutPolicy, minutes: float) -> RolloutPolicy:
    return replace(policy, execution_deadline_s=minutes * 60)


GATES = (
    Rule(
        "accuracy",
        "Self-test accuracy at most",
        "points below the device's own previous model and below what was proven.",
        0.0, 20.0, 0.5, 1,
        lambda policy: policy.gate.max_accuracy_drop * 100, _accuracy,
        "Each device measures both models on the self-test set that travels with the release, before it switches.",
    ),
    Rule(
        "latency",
        "Latency p95 at most",
        "× that of the device's own previous model.",
        1.0, 10.0, 0.1, 1,
        lambda policy: policy.gate.max_latency_ratio, _latency,
        "Measured on the device during the trial. Below 5 ms it does not count: that is noise.",
    ),
    Rule(
        "errors",
        "Errors in at most",
        "% of the inferences of the trial, and no crash.",
        0.0, 50.0, 0.5, 1,
        lambda policy: policy.gate.max_error_rate * 100, _errors,
        "With fewer than 20 inferences a device cannot judge itself; the wave is then inconclusive and waits for you.",
    ),
    Rule(
        "trial",
        "Each device tries the model for",
        "s on its own input and goes back by itself when it is worse.",
        5.0, 3600.0, 5.0, 0,
        lambda policy: policy.gate.trial_s, _trial,
        "The previous model stays in the other slot, so going back needs no download.",
    ),
    Rule(
        "success",
        "A wave passes when",
        "% of its devices succeeded; else its devices go back and no other wave starts.",
        50.0, 100.0, 5.0, 0,
        lambda policy: policy.success_threshold * 100, _success,
        "Silent devices count as unknown, never as good.",
    ),
)  # fmt: skip
"""What a device and a wave must pass, in the order it is checked."""

PACE = (
    Rule(
        "soak", "Watch each wave for", "s before the next", 0.0, 86_400.0, 10.0, 0,
        lambda policy: policy.soak_s, _soak,
        "Counted from the moment its last device has finished.",
    ),
    Rule(
        "deadline", "A device has", "min to finish", 1.0, 10_080.0, 5.0, 0,
        lambda policy: policy.execution_deadline_s / 60, _deadline,
        "Time spent waiting counts. After that the device counts as failed and goes back to its own previous model.",
    ),
)  # fmt: skip
"""How fast it goes."""


def read_percents(text: str) -> tuple[int, ...]:
    """The wave percentages in a text such as `10, 50, 100`; empty when they are no whole numbers."""
    parts = text.replace(";", ",").replace("%", "").split(",")
    try:
        return tuple(int(part) for part in parts if part.strip())
    except ValueError:
        return ()
