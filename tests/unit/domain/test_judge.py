"""Judging: each finding has a verdict that follows from its numbers, and a sentence with those numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.execution import Execution, ExecutionState, TrialEvidence
from edgeyard.domain.gate import GateFinding, GatePolicy, Verdict
from edgeyard.domain.judge import first_failure, judge_self_test, judge_trial, judge_wave, overall
from edgeyard.domain.statistic import median, wilson_interval

POLICY = GatePolicy()
GOOD = TrialEvidence(
    samples=300, accuracy=0.82, previous_accuracy=0.70, inferences=500, latency_p95_ms=9.0, previous_latency_p95_ms=9.0
)


def verdict(findings: tuple[GateFinding, ...], check: str) -> Verdict:
    return next(finding.verdict for finding in findings if finding.check == check)


def test_a_better_model_passes_its_self_test() -> None:
    assert overall(judge_self_test(GOOD, POLICY, 0.82)) is Verdict.PASS


def test_a_model_that_is_worse_than_the_device_s_own_fails_with_both_numbers() -> None:
    findings = judge_self_test(replace(GOOD, accuracy=0.55), POLICY, 0.55)
    assert overall(findings) is Verdict.FAIL
    assert "55.0 %" in first_failure(findings)
    assert "70.0 %" in first_failure(findings)


def test_a_model_that_does_not_reach_here_what_was_proven_fails() -> None:
    findings = judge_self_test(replace(GOOD, previous_accuracy=None), POLICY, 0.95)
    assert verdict(findings, "accuracy as proven") is Verdict.FAIL


def test_without_an_accuracy_there_is_no_pass() -> None:
    assert overall(judge_self_test(TrialEvidence(), POLICY, None)) is Verdict.FAIL


@pytest.mark.parametrize(
    ("change", "check", "expected"),
    [
        ({}, "crashes", Verdict.PASS),
        ({"crashes": 1}, "crashes", Verdict.FAIL),
        ({"errors": 5}, "errors", Verdict.PASS),
        ({"errors": 6}, "errors", Verdict.FAIL),
        ({"inferences": 19}, "errors", Verdict.INCONCLUSIVE),
        ({"latency_p95_ms": 13.5}, "latency", Verdict.PASS),
        ({"latency_p95_ms": 13.6}, "latency", Verdict.FAIL),
        ({"latency_p95_ms": 4.9, "previous_latency_p95_ms": 1.0}, "latency", Verdict.PASS),
        ({"latency_p95_ms": None}, "latency", Verdict.INCONCLUSIVE),
        ({"previous_latency_p95_ms": None}, "latency", Verdict.PASS),
    ],
)
def test_a_trial_is_judged_at_its_bounds(change: dict[str, object], check: str, expected: Verdict) -> None:
    assert verdict(judge_trial(replace(GOOD, **change), POLICY), check) is expected  # type: ignore[arg-type]


def execution(evidence: TrialEvidence | None, state: ExecutionState = ExecutionState.SUCCEEDED) -> Execution:
    return Execution(1, 1, 0, "d", 1, "n", "o", state, 0.0, evidence=evidence)


def test_a_wave_without_evidence_is_inconclusive() -> None:
    assert overall(judge_wave([execution(None)], POLICY)) is Verdict.INCONCLUSIVE


def test_one_odd_device_does_not_decide_a_wave() -> None:
    worse = replace(GOOD, accuracy=0.3)
    assert overall(judge_wave([execution(GOOD), execution(GOOD), execution(worse)], POLICY)) is Verdict.PASS
    assert overall(judge_wave([execution(GOOD), execution(worse), execution(worse)], POLICY)) is Verdict.FAIL


def test_devices_that_failed_do_not_lend_their_evidence() -> None:
    failed = execution(GOOD, ExecutionState.ROLLED_BACK)
    assert overall(judge_wave([failed], POLICY)) is Verdict.INCONCLUSIVE


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_wilson_interval_holds_the_share_and_narrows(successes: int, more: int) -> None:
    trials = successes + more
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= high <= 1.0
    if trials:
        assert low <= successes / trials <= high
        wide_low, wide_high = wilson_interval(successes * 4, trials * 4)
        assert wide_high - wide_low <= high - low + 1e-12


def test_the_wilson_interval_matches_a_published_value() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 gives 0.2553 to 0.3662."""
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_median_lies_in_the_middle(values: list[float]) -> None:
    middle = median(values)
    assert sum(v < middle for v in values) <= len(values) / 2
    assert sum(v > middle for v in values) <= len(values) / 2
