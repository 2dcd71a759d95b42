"""What the device decides about a model from its own measurements, by the policy that came with the assignment."""

from __future__ import annotations

from edgeyard.agent.update_state import Target
from edgeyard.domain.execution import TrialEvidence
from edgeyard.domain.gate import Verdict
from edgeyard.domain.judge import first_failure, judge_self_test, judge_trial, overall

UNDO_TRIAL_S = 2.0
UNDO_TRIAL_MAX_S = 10.0
"""A model that the device is asked to return to only has to prove that it runs."""
TRIAL_EXTENSION = 3.0
"""A trial with too few inferences goes on up to this many times its length."""


def refuse_self_test(target: Target, evidence: TrialEvidence) -> str:
    """Why the staged model must not be switched to, in a sentence; empty when it may."""
    if target.undo:
        return ""
    return first_failure(judge_self_test(evidence, target.gate, proven_accuracy(target)))


def end_of_trial(target: Target, evidence: TrialEvidence, elapsed_s: float) -> str | None:
    """`None`: the trial goes on. Empty: keep the model. Else the sentence that says why the device goes back."""
    if target.undo:
        proven = elapsed_s >= UNDO_TRIAL_S and evidence.inferences > evidence.errors
        return "" if proven or elapsed_s >= UNDO_TRIAL_MAX_S else None
    findings = judge_trial(evidence, target.gate)
    if elapsed_s < target.gate.trial_s:
        return None
    verdict = overall(findings)
    if verdict is Verdict.FAIL:
        return first_failure(findings)
    if verdict is Verdict.PASS:
        return ""
    if elapsed_s < target.gate.trial_s * TRIAL_EXTENSION:
        return None
    return "" if not evidence.errors else f"{evidence.errors} of {evidence.inferences} inferences failed in the trial."


def proven_accuracy(target: Target) -> float | None:
    """The golden-set accuracy that was measured when the variant was made, where the release names one."""
    value = target.release.evidence.get("golden_accuracy")
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
