"""Durable-plane codecs: zlib-CBOR batches of records, and the two small JSON messages around them."""

from __future__ import annotations

import io
import zlib
from typing import Any, TypeVar

import cbor2
import msgspec

from edgeyard.wire.error import WireError
from edgeyard.wire.lab import LabEnd, LabReport
from edgeyard.wire.limit import (
    MAX_ACK_MESSAGE_BYTES,
    MAX_DESIRED_MESSAGE_BYTES,
    MAX_RECORDS_DECODED_BYTES,
    MAX_RECORDS_MESSAGE_BYTES,
)
from edgeyard.wire.message import (
    Desired,
    DeviceEvent,
    ExecutionReport,
    MetricsSummary,
    Record,
    RecordAck,
    RecordBatch,
    RunningReport,
)

Body = ExecutionReport | RunningReport | MetricsSummary | DeviceEvent | LabReport | LabEnd

BODY_TYPES: dict[str, type[Body]] = {
    "execution": ExecutionReport,
    "running": RunningReport,
    "metrics": MetricsSummary,
    "event": DeviceEvent,
    "lab": LabReport,
    "lab-end": LabEnd,
}
_KINDS = {body_type: kind for kind, body_type in BODY_TYPES.items()}
_MAX_NESTING = 8
_TAGS_WITH_DECODERS = (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
"""Tags cbor2 gives a meaning: dates, big numbers, regular expressions, shared and cyclic references… none is ours."""
_T = TypeVar("_T")


def make_record(seq: int, at: float, body: Body) -> Record:
    """Wrap a typed body as the record that carries it."""
    return Record(seq, at, _KINDS[type(body)], msgspec.to_builtins(body, builtin_types=(bytes,)))


def encode_batch(batch: RecordBatch) -> bytes:
    """Encode a batch for `…/records`; raises `WireError` when it is over the limit (send fewer records)."""
    data = zlib.compress(cbor2.dumps(msgspec.to_builtins(batch, builtin_types=(bytes,))))
    if len(data) > MAX_RECORDS_MESSAGE_BYTES:
        raise WireError(f"batch of {len(data)} bytes is over {MAX_RECORDS_MESSAGE_BYTES}")
    return data


def decode_batch(data: bytes) -> RecordBatch:
    """Decode what a device sent on `…/records`: bounded before each step, typed after; raises `WireError`."""
    if len(data) > MAX_RECORDS_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes is over {MAX_RECORDS_MESSAGE_BYTES}")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, MAX_RECORDS_DECODED_BYTES)
    except zlib.error as error:
        raise WireError(f"not zlib: {error}") from error
    if inflater.unconsumed_tail or not inflater.eof:
        raise WireError(f"truncated, or over {MAX_RECORDS_DECODED_BYTES} bytes when decompressed")
    return _convert(_load_cbor(plain), RecordBatch)


def decode_body(record: Record) -> Body:
    """The typed body of a record; raises `WireError` for an unknown kind or a body of another shape."""
    body_type = BODY_TYPES.get(record.kind)
    if body_type is None:
        raise WireError(f"unknown record kind {record.kind!r}")
    return _convert(record.body, body_type)


def encode_ack(ack: RecordAck) -> bytes:
    """Encode the hub's answer on `…/ack`."""
    return msgspec.json.encode(ack)


def decode_ack(data: bytes) -> RecordAck:
    """Decode the hub's answer; raises `WireError`."""
    return _decode_json(data, MAX_ACK_MESSAGE_BYTES, RecordAck)


def encode_desired(desired: Desired) -> bytes:
    """Encode the retained hint on `…/desired`."""
    return msgspec.json.encode(desired)


def decode_desired(data: bytes) -> Desired:
    """Decode the hint; raises `WireError`."""
    return _decode_json(data, MAX_DESIRED_MESSAGE_BYTES, Desired)


def _decode_json(data: bytes, limit_bytes: int, kind: type[_T]) -> _T:
    if len(data) > limit_bytes:
        raise WireError(f"message of {len(data)} bytes is over {limit_bytes}")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(str(error)) from error


def _load_cbor(plain: bytes) -> Any:
    stream = io.BytesIO(plain)
    try:
        value = cbor2.CBORDecoder(
            stream,
            max_depth=_MAX_NESTING,
            semantic_decoders=dict.fromkeys(_TAGS_WITH_DECODERS, _refuse_tag),
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        ).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise WireError(f"not CBOR: {error}") from error
    if stream.tell() != len(plain):
        raise WireError("bytes after the batch")
    return value


def _refuse_tag(*_: object) -> None:
    raise WireError("a CBOR tag, where plain values are expected")


def _convert(value: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind, builtin_types=(bytes,))
    except (msgspec.ValidationError, ValueError, RecursionError, OverflowError) as error:
        raise WireError(str(error)) from error
