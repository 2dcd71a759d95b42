"""Judging evidence: the device about itself, then the hub about a wave. Each finding is one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgeyard.domain.execution import BAD_ENDS, Execution, ExecutionState, TrialEvidence
from edgeyard.domain.gate import GateFinding, GatePolicy, Verdict
from edgeyard.domain.quantity import count
from edgeyard.domain.statistic import median

_POINTS = 100


def overall(findings: Iterable[GateFinding]) -> Verdict:
    """One verdict: any fail fails, else any inconclusive is inconclusive, else pass."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.PASS


def first_failure(findings: Iterable[GateFinding]) -> str:
    """The sentence of the first failed finding, or empty."""
    return next((finding.sentence for finding in findings if finding.verdict is Verdict.FAIL), "")


def judge_self_test(
    evidence: TrialEvidence, policy: GatePolicy, proven_accuracy: float | None
) -> tuple[GateFinding, ...]:
    """What a device decides before it switches: golden accuracy against the proof and against its own old model.

    `proven_accuracy` is the golden-set accuracy measured when the variant was made (fraction), `None` if unknown.
    """
    if evidence.accuracy is None or evidence.samples == 0:
        return (GateFinding("accuracy", Verdict.FAIL, "The self-test gave no accuracy."),)
    findings = []
    if proven_accuracy is not None:
        bound = proven_accuracy - policy.max_evidence_drop
        findings.append(
            _bounded_below("accuracy as proven", evidence.accuracy, bound, f"{_percent(proven_accuracy)} was proven")
        )
    if evidence.previous_accuracy is not None:
        bound = evidence.previous_accuracy - policy.max_accuracy_drop
        findings.append(
            _bounded_below(
                "accuracy against the previous model",
                evidence.accuracy,
                bound,
                f"the previous model reaches {_percent(evidence.previous_accuracy)}",
            )
        )
    return tuple(findings)


def judge_trial(evidence: TrialEvidence, policy: GatePolicy) -> tuple[GateFinding, ...]:
    """What a device decides about its probation: crashes, errors, latency against its own previous model."""
    return (_crashes(evidence), _errors(evidence, policy), _latency(evidence, policy))


def judge_device(
    evidence: TrialEvidence, policy: GatePolicy, proven_accuracy: float | None = None
) -> tuple[GateFinding, ...]:
    """All findings of one device: self-test, then trial."""
    return judge_self_test(evidence, policy, proven_accuracy) + judge_trial(evidence, policy)


def judge_wave(executions: Sequence[Execution], policy: GatePolicy) -> tuple[GateFinding, ...]:
    """The gate of a wave over what its succeeded devices measured; medians, so one odd device does not decide."""
    evidence = [e.evidence for e in executions if e.state is ExecutionState.SUCCEEDED and e.evidence is not None]
    finished_badly = sum(e.state in BAD_ENDS for e in executions)
    findings = [
        GateFinding(
            "devices",
            Verdict.PASS if evidence else Verdict.INCONCLUSIVE,
            f"{len(evidence)} of {count(len(executions), 'device')} succeeded with evidence, "
            f"{finished_badly} ended badly.",
            float(len(evidence)),
        )
    ]
    drops = [
        e.previous_accuracy - e.accuracy for e in evidence if e.accuracy is not None and e.previous_accuracy is not None
    ]
    if drops:
        findings.append(_median_drop(drops, policy))
    pooled = TrialEvidence(
        inferences=sum(e.inferences for e in evidence),
        errors=sum(e.errors for e in evidence),
        crashes=sum(e.crashes for e in evidence),
    )
    findings += [_crashes(pooled), _errors(pooled, policy)]
    ratios = [r for r in (_latency_ratio(e, policy) for e in evidence) if r is not None]
    if ratios:
        findings.append(_ratio_finding(median(ratios), policy, f"median over {count(len(ratios), 'device')}"))
    return tuple(findings)


def _bounded_below(check: str, measured: float, bound: float, against: str) -> GateFinding:
    passed = measured >= bound
    comparison = "at least" if passed else "below"
    sentence = f"Self-test accuracy {_percent(measured)} is {comparison} {_percent(bound)} ({against})."
    return GateFinding(check, Verdict.PASS if passed else Verdict.FAIL, sentence, measured, bound)


def _median_drop(drops: Sequence[float], policy: GatePolicy) -> GateFinding:
    drop = median(drops)
    passed = drop <= policy.max_accuracy_drop
    change = "lower" if drop > 0 else "higher"
    sentence = (
        f"Self-test accuracy is {abs(drop) * _POINTS:.1f} points {change} than the devices' previous models "
        f"(median of {len(drops)}; {policy.max_accuracy_drop * _POINTS:.1f} points lower are allowed)."
    )
    verdict = Verdict.PASS if passed else Verdict.FAIL
    return GateFinding("accuracy", verdict, sentence, -drop, -policy.max_accuracy_drop)


def _crashes(evidence: TrialEvidence) -> GateFinding:
    verdict = Verdict.FAIL if evidence.crashes else Verdict.PASS
    times = "once" if evidence.crashes == 1 else f"{evidence.crashes} times"
    sentence = f"The model crashed {times} during its trial." if evidence.crashes else "The model did not crash."
    return GateFinding("crashes", verdict, sentence, float(evidence.crashes), 0.0)


def _errors(evidence: TrialEvidence, policy: GatePolicy) -> GateFinding:
    if evidence.inferences < policy.min_inferences:
        sentence = f"{evidence.inferences} inferences are too few to judge errors ({policy.min_inferences} are needed)."
        return GateFinding("errors", Verdict.INCONCLUSIVE, sentence, None, policy.max_error_rate)
    rate = evidence.errors / evidence.inferences
    passed = rate <= policy.max_error_rate
    sentence = (
        f"{evidence.errors} of {evidence.inferences} inferences failed ({_percent(rate)}; "
        f"{_percent(policy.max_error_rate)} are allowed)."
    )
    return GateFinding("errors", Verdict.PASS if passed else Verdict.FAIL, sentence, rate, policy.max_error_rate)


def _latency(evidence: TrialEvidence, policy: GatePolicy) -> GateFinding:
    ratio = _latency_ratio(evidence, policy)
    if ratio is not None:
        return _ratio_finding(ratio, policy, f"p95 {evidence.latency_p95_ms:.1f} ms")
    if evidence.previous_latency_p95_ms is None:
        return GateFinding("latency", Verdict.PASS, "There is no previous model to compare the latency with.")
    if evidence.latency_p95_ms is None:
        return GateFinding("latency", Verdict.INCONCLUSIVE, "The latency was not measured.")
    sentence = (
        f"Latency p95 {evidence.latency_p95_ms:.1f} ms is under {policy.min_latency_ms:g} ms, too short to matter."
    )
    return GateFinding("latency", Verdict.PASS, sentence, evidence.latency_p95_ms, policy.min_latency_ms)


def _latency_ratio(evidence: TrialEvidence, policy: GatePolicy) -> float | None:
    """New p95 ÷ previous p95, or `None` when it was not measured or is too short to tell from noise."""
    new, previous = evidence.latency_p95_ms, evidence.previous_latency_p95_ms
    if new is None or previous is None or previous <= 0 or new < policy.min_latency_ms:
        return None
    return new / previous


def _ratio_finding(ratio: float, policy: GatePolicy, detail: str) -> GateFinding:
    passed = ratio <= policy.max_latency_ratio
    sentence = (
        f"Latency is {ratio:.2f} × that of the previous model ({detail}; {policy.max_latency_ratio:g} × allowed)."
    )
    return GateFinding("latency", Verdict.PASS if passed else Verdict.FAIL, sentence, ratio, policy.max_latency_ratio)


def _percent(share: float) -> str:
    return f"{share * _POINTS:.1f} %"
