"""All that is known of one device in a rollout, attempt by attempt. No Qt in here."""

from __future__ import annotations

from edgeyard.desktop.plan.evidence_words import duration, milliseconds
from edgeyard.desktop.plan.fact import Fact, Section
from edgeyard.desktop.rollouts_page.picture import DeviceRow
from edgeyard.desktop.rollouts_page.rollout_words import execution_word
from edgeyard.desktop.widget import words
from edgeyard.domain.execution import Execution, TrialEvidence, is_live


def describe_device(row: DeviceRow, now: float) -> list[Section]:
    """The sections of the details panel, the latest attempt first."""
    return [_attempt(execution, now, alone=len(row.attempts) == 1) for execution in reversed(row.attempts)]


def _attempt(execution: Execution, now: float, *, alone: bool) -> Section:
    way = "Way back" if execution.undo else "Way out"
    title = "What happened" if alone else f"Attempt {execution.attempt}: {way.lower()}"
    since = words.clock(execution.state_since)
    if is_live(execution.state):
        since = f"{since}, for {duration(now - execution.state_since)}"
    facts = [Fact("State", execution_word(execution), execution.reason), Fact("Since", since)]
    facts += _measured(execution.evidence) if execution.evidence else []
    for name, digest in (("To", execution.digest), ("From", execution.previous_digest)):
        facts.append(Fact(name, digest[:16] if digest else "no model", copy=digest))
    return Section(title, tuple(facts))


def _measured(evidence: TrialEvidence) -> list[Fact]:
    facts = []
    if evidence.accuracy is not None:
        facts.append(Fact("Self-test", f"{words.percent(evidence.accuracy)} of {evidence.samples:,} samples"))
    if evidence.previous_accuracy is not None:
        facts.append(Fact("Before", f"{words.percent(evidence.previous_accuracy)} by its previous model"))
    if evidence.agreement is not None:
        facts.append(Fact("Agreement", f"{words.percent(evidence.agreement)} with its previous model"))
    if evidence.latency_p95_ms is not None:
        p50, p95 = milliseconds(evidence.latency_p50_ms), milliseconds(evidence.latency_p95_ms)
        facts.append(Fact("Latency", f"p50 {p50}, p95 {p95}, p99 {milliseconds(evidence.latency_p99_ms)}"))
    if evidence.previous_latency_p95_ms is not None:
        facts.append(Fact("Before", f"p95 {milliseconds(evidence.previous_latency_p95_ms)}"))
    facts.append(Fact("Trial", f"{words.count(evidence.inferences, 'inference')}, {_trouble(evidence)}"))
    if evidence.memory_peak_bytes is not None:
        facts.append(Fact("Memory peak", words.size(evidence.memory_peak_bytes)))
    return facts


def _trouble(evidence: TrialEvidence) -> str:
    if not evidence.errors and not evidence.crashes:
        return "no errors, no crash"
    return f"{words.count(evidence.errors, 'error')}, {words.count(evidence.crashes, 'crash', 'crashes')}"
