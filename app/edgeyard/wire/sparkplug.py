"""Sparkplug B payloads: encode what we send, decode what anyone sends, bounded and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_LIVE_MESSAGE_BYTES
from edgeyard.wire.sparkplug_schema import PayloadMessage

Value = float | int | str | bool | None

INT64, UINT64, DOUBLE, BOOLEAN, STRING = 4, 8, 10, 11, 12
"""Sparkplug data type numbers (specification 3.0.0, section 6.4.16)."""

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_VALUE_FIELDS = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
_MAX_METRICS = 200


@dataclass(frozen=True, slots=True)
class Metric:
    """One named value. `None` is Sparkplug's null. Names rather than aliases, so anyone can read the fleet."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Payload:
    """One message of the live plane. `seq` runs 0..255 within a session and is absent (`None`) in a death."""

    timestamp_ms: int
    seq: int | None
    metrics: tuple[Metric, ...]


def encode_payload(payload: Payload) -> bytes:
    """Encode as Sparkplug B protobuf; raises `WireError` when it is over the limit."""
    message = PayloadMessage(timestamp=payload.timestamp_ms)
    if payload.seq is not None:
        message.seq = payload.seq
    for metric in payload.metrics:
        _fill(message.metrics.add(name=metric.name, timestamp=payload.timestamp_ms), metric.value)
    data: bytes = message.SerializeToString()
    if len(data) > MAX_LIVE_MESSAGE_BYTES:
        raise WireError(f"live message of {len(data)} bytes is over {MAX_LIVE_MESSAGE_BYTES}")
    return data


def decode_payload(data: bytes) -> Payload:
    """Decode any Sparkplug B payload's named scalar metrics; raises `WireError` on anything malformed."""
    if len(data) > MAX_LIVE_MESSAGE_BYTES:
        raise WireError(f"live message of {len(data)} bytes is over {MAX_LIVE_MESSAGE_BYTES}")
    message = PayloadMessage()
    try:
        message.ParseFromString(data)
    except (DecodeError, ValueError) as error:
        raise WireError(f"not a Sparkplug payload: {error}") from error
    if len(message.metrics) > _MAX_METRICS:
        raise WireError(f"{len(message.metrics)} metrics are over {_MAX_METRICS}")
    metrics = tuple(Metric(entry.name, _value(entry)) for entry in message.metrics if entry.name)
    return Payload(message.timestamp, message.seq if message.HasField("seq") else None, metrics)


def _fill(entry: Any, value: Value) -> None:
    if value is None:
        entry.datatype, entry.is_null = DOUBLE, True
    elif isinstance(value, bool):
        entry.datatype, entry.boolean_value = BOOLEAN, value
    elif isinstance(value, int):
        if value < 0:
            entry.datatype, entry.long_value = INT64, value & ((1 << 64) - 1)
        else:
            entry.datatype, entry.long_value = UINT64, value
    elif isinstance(value, float):
        entry.datatype, entry.double_value = DOUBLE, value
    else:
        entry.datatype, entry.string_value = STRING, value


def _value(entry: Any) -> Value:
    if entry.is_null:
        return None
    for field in _VALUE_FIELDS:
        if entry.HasField(field):
            value: Value = getattr(entry, field)
            bits = _SIGNED_BITS.get(entry.datatype)
            if bits and isinstance(value, int) and not isinstance(value, bool):
                return _signed(value, bits)
            return value
    return None


def _signed(value: int, bits: int) -> int:
    """Sparkplug sends signed integers as two's complement in an unsigned field."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
