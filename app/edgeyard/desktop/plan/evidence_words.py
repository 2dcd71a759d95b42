"""What was measured of a variant, in words. General figures and times are in `widget.words`."""

from __future__ import annotations

from edgeyard.desktop.widget import words
from edgeyard.domain.model import Evidence, ModelVersion, TensorContract

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400
_POINTS = 100
_AS_FAST = (0.95, 1.05)
NOTHING = "–"


def duration(seconds: float) -> str:
    """A length of time with its two largest units: `40 s`, `2 min 30 s`, `1 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return _two_units(whole, _MINUTE_S, "min", 1, "s")
    if whole < _DAY_S:
        return _two_units(whole, _HOUR_S, "h", _MINUTE_S, "min")
    return _two_units(whole, _DAY_S, "d", _HOUR_S, "h")


def _two_units(whole: int, big: int, big_unit: str, small: int, small_unit: str) -> str:
    rest = whole % big // small
    return f"{whole // big} {big_unit} {rest} {small_unit}" if rest else f"{whole // big} {big_unit}"


def accuracy(evidence: Evidence) -> str:
    """`84.8 %`, or a dash when it was not evaluated."""
    return NOTHING if evidence.accuracy is None else words.percent(evidence.accuracy)


def interval(evidence: Evidence) -> str:
    """The 95 % interval of the accuracy in points: `81.2–87.5`; nothing without one."""
    if evidence.accuracy_low is None or evidence.accuracy_high is None:
        return ""
    return f"{evidence.accuracy_low * _POINTS:.1f}–{evidence.accuracy_high * _POINTS:.1f}"


def speed(ratio: float | None) -> str:
    """How its latency compares with the original's: `1.8 × faster`, `1.2 × slower`, `as fast`."""
    if ratio is None or ratio <= 0:
        return NOTHING
    if _AS_FAST[0] < ratio < _AS_FAST[1]:
        return "as fast"
    return f"{ratio:.1f} × faster" if ratio > 1 else f"{1 / ratio:.1f} × slower"


def milliseconds(value: float | None) -> str:
    """`4.20 ms`, or a dash."""
    return NOTHING if value is None else f"{words.figure(value)} ms"


def amount(count: float) -> str:
    """A large count with a unit: `77.7 k`, `12.5 M`."""
    for unit in ("", " k", " M"):
        if count < 1000:
            return f"{words.figure(count)}{unit}" if unit else f"{count:.0f}"
        count /= 1000
    return f"{words.figure(count)} G"


def contract(tensor: TensorContract) -> str:
    """`image: float32, N × 3 × 32 × 32`; a free axis is `N`."""
    shape = " × ".join("N" if axis is None else str(axis) for axis in tensor.shape) or "scalar"
    return f"{tensor.name}: {tensor.element_type}, {shape}"


def stage(version: ModelVersion) -> str:
    """How far it has come, in a word for people."""
    return {"imported": "Imported", "optimized": "Optimized, not signed", "released": "Signed"}.get(
        version.stage, version.stage
    )


def evidence_lines(evidence: Evidence) -> list[str]:
    """All that was measured, a figure with its samples and place on each line."""
    lines = []
    if evidence.accuracy is not None:
        spread = f", 95 % interval {interval(evidence)}" if interval(evidence) else ""
        lines.append(f"Accuracy {accuracy(evidence)} on {words.count(evidence.samples, 'labelled sample')}{spread}")
    if evidence.golden_accuracy is not None:
        golden = words.percent(evidence.golden_accuracy)
        lines.append(f"Accuracy {golden} on the self-test set of {words.count(evidence.golden_samples, 'sample')}")
    if evidence.agreement is not None:
        lines.append(f"Says the same as the original on {words.percent(evidence.agreement)} of the samples")
    if evidence.latency_p50_ms is not None:
        p50, p95 = milliseconds(evidence.latency_p50_ms), milliseconds(evidence.latency_p95_ms)
        lines.append(f"Latency p50 {p50}, p95 {p95} a sample")
    if evidence.latency_ratio is not None:
        compared = speed(evidence.latency_ratio)
        lines.append(f"{compared.capitalize()} {'as' if compared == 'as fast' else 'than'} the original")
    if evidence.measured_on:
        lines.append(f"Measured on {evidence.measured_on}")
    return lines or ["Nothing was measured yet."]
