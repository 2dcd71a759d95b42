"""What was measured of a candidate, in the words of the Optimize page and of its report."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyard.desktop.plan.evidence_words import NOTHING, interval, milliseconds
from edgeyard.desktop.widget import words
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.model import Evidence
from edgeyard.optimize.engine.result import Candidate, Measurement

_POINTS = 100
_LABELS = {"device": "on the device", "host": "on this host", "estimated": "estimated"}


def accuracy_words(evidence: Evidence) -> str:
    """`84.8 % (81.2–87.5)`; without labels how often it says the same as the original."""
    if evidence.accuracy is None:
        return NOTHING if evidence.agreement is None else f"{words.percent(evidence.agreement)} agree"
    spread = interval(evidence)
    return f"{words.percent(evidence.accuracy)} ({spread})" if spread else words.percent(evidence.accuracy)


def difference_words(evidence: Evidence) -> str:
    """`−0.3 (−0.9 to +0.2)` points."""
    if evidence.difference is None:
        return NOTHING
    text = _signed(evidence.difference)
    if evidence.difference_low is None or evidence.difference_high is None:
        return text
    return f"{text} ({_signed(evidence.difference_low)} to {_signed(evidence.difference_high)})"


def _signed(fraction: float) -> str:
    points = fraction * _POINTS
    if abs(points) < 0.05:
        return "±0.0"
    return f"{'+' if points > 0 else '−'}{abs(points):.1f}"


def speed_words(evidence: Evidence) -> str:
    """`1.82 ×`."""
    return NOTHING if evidence.latency_ratio is None else f"{evidence.latency_ratio:.2f} ×"


def memory_words(evidence: Evidence) -> str:
    """`3.42 MB`."""
    return NOTHING if evidence.memory_bytes is None else words.size(evidence.memory_bytes)


def picked_words(profiles: Sequence[str]) -> str:
    """The hardware it is picked for, by name."""
    return ", ".join(profile_title(profile) if profile != "host" else "This machine" for profile in profiles)


def measured_lines(candidate: Candidate) -> list[str]:
    """Each measurement in a line, with where it was made."""
    return [_measurement(found) for found in candidate.measurements]


def _measurement(found: Measurement) -> str:
    parts = [f"p50 {milliseconds(found.p50_ms)}"] if found.p50_ms is not None else []
    if found.p95_ms is not None:
        parts.append(f"p95 {milliseconds(found.p95_ms)}")
    if found.ratio is not None:
        spread = ""
        if found.ratio_low is not None and found.ratio_high is not None:
            spread = f" ({found.ratio_low:.2f}–{found.ratio_high:.2f})"
        parts.append(f"{found.ratio:.2f} ×{spread}")
    if found.energy_mj is not None:
        parts.append(f"{words.figure(found.energy_mj)} mJ")
    threads = words.count(found.threads, "thread")
    label = _LABELS.get(found.label, found.label)
    # An estimate's own words say that it is one.
    where = found.measured_on if found.measured_on.startswith(label) else f"{label}: {found.measured_on}"
    where = where if found.measured_on else label
    return f"{picked_words([found.profile])}, {threads}: {', '.join(parts)} ({where})"


def one_line(candidate: Candidate) -> str:
    """All that matters, for tooltips and screen readers."""
    evidence = candidate.evidence
    parts = [
        candidate.name,
        words.size(candidate.size_bytes),
        accuracy_words(evidence),
        f"{speed_words(evidence)} as fast as the original",
    ]
    return ", ".join(parts)
