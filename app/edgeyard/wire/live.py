"""The live figures of a device, and the Sparkplug birth, data and death payloads that carry them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from edgeyard.wire.error import WireError
from edgeyard.wire.sparkplug import Metric, Payload, Value

BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What a device says about itself every few seconds; `None` is "not measured".

    Totals count since the agent's start. `clock_at` is the device's own clock (Unix seconds), from which the hub
    derives the skew. `update_state` is the execution state in progress, or empty.
    """

    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    inferences_per_s: float | None = None
    inferences_total: int | None = None
    errors_total: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    temperature_c: float | None = None
    running_digest: str = ""
    running_target: str = ""
    update_state: str = ""
    agent_version: str = ""
    hardware_profile: str = ""
    boot: int = 0
    clock_at: float = 0.0
    problem: str = ""


_NAMES = {field.name: "edgeyard/" + field.name for field in fields(LiveFigures)}
_TEXT = frozenset(field.name for field in fields(LiveFigures) if field.default == "")
_WHOLE = frozenset({"inferences_total", "errors_total", "memory_bytes", "boot"})
_REQUIRED = frozenset({"boot", "clock_at"})
_MAX_TEXT_CHARACTERS = 500
_MAX_WHOLE = 1 << 62


def birth_payload(figures: LiveFigures, bd_seq: int, now_ms: int) -> Payload:
    """NBIRTH: every metric, the session number of the will, and the rebirth control the specification demands."""
    extra = (Metric(BD_SEQ, bd_seq), Metric(REBIRTH, False))
    return Payload(now_ms, 0, extra + _metrics(figures))


def data_payload(figures: LiveFigures, seq: int, now_ms: int) -> Payload:
    """NDATA with sequence number `seq` (0..255, wrapping)."""
    return Payload(now_ms, seq, _metrics(figures))


def death_payload(bd_seq: int, now_ms: int) -> Payload:
    """NDEATH, registered as the last will: only the session number."""
    return Payload(now_ms, None, (Metric(BD_SEQ, bd_seq),))


def rebirth_command(now_ms: int) -> Payload:
    """NCMD asking a device for a fresh birth."""
    return Payload(now_ms, None, (Metric(REBIRTH, True),))


def is_rebirth_command(payload: Payload) -> bool:
    """Whether an NCMD asks for a rebirth."""
    return any(metric.name == REBIRTH and metric.value is True for metric in payload.metrics)


def read_bd_seq(payload: Payload) -> int | None:
    """The session number in a birth or death, if it is there and a whole number."""
    for metric in payload.metrics:
        if metric.name == BD_SEQ and isinstance(metric.value, int) and not isinstance(metric.value, bool):
            return metric.value
    return None


def read_figures(payload: Payload) -> LiveFigures:
    """The figures in a birth or data payload; raises `WireError` when one has the wrong type or is out of range."""
    given = {metric.name: metric.value for metric in payload.metrics}
    return LiveFigures(
        **{field: _checked(field, given[name]) for field, name in _NAMES.items() if name in given}  # type: ignore[arg-type]
    )


def _metrics(figures: LiveFigures) -> tuple[Metric, ...]:
    return tuple(Metric(name, getattr(figures, field)) for field, name in _NAMES.items())


def _checked(field: str, value: Value) -> Value:
    if field in _TEXT:
        if isinstance(value, str) and len(value) <= _MAX_TEXT_CHARACTERS:
            return value
    elif value is None:
        if field not in _REQUIRED:
            return None
    elif isinstance(value, (bool, str)):
        pass
    elif field in _WHOLE:
        if isinstance(value, int) and 0 <= value < _MAX_WHOLE:
            return value
    elif math.isfinite(value):
        return float(value)
    raise WireError(f"metric {_NAMES[field]} has the value {str(value)[:40]!r}")
