"""The durable plane's codec: what goes in comes out, and nothing hostile gets through."""

from __future__ import annotations

import random
import zlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_RECORDS_DECODED_BYTES, MAX_RECORDS_MESSAGE_BYTES
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
from edgeyard.wire.record_codec import (
    decode_ack,
    decode_batch,
    decode_body,
    decode_desired,
    encode_ack,
    encode_batch,
    encode_desired,
    make_record,
)

naturals = st.integers(0, (1 << 63) - 1)
figures = st.none() | st.floats(allow_nan=False, allow_infinity=False)
bodies = st.one_of(
    st.builds(
        ExecutionReport,
        execution=naturals,
        state=st.sampled_from(ExecutionState),
        reason=st.text(max_size=50),
        evidence=st.none() | st.builds(TrialEvidence, accuracy=figures, inferences=st.integers(0, 1000)),
    ),
    st.builds(RunningReport, statement=st.binary(max_size=100), signature=st.binary(max_size=72)),
    st.builds(DeviceEvent, severity=st.sampled_from(["info", "alarm"]), code=st.just("x"), text=st.text(max_size=50)),
    st.builds(
        MetricsSummary,
        start=st.floats(0, 1e10),
        duration_s=st.floats(0, 100),
        digest=st.just(""),
        inferences=naturals,
        errors=naturals,
        latency_p50_ms=figures,
    ),
)


@given(st.lists(bodies, max_size=20), naturals)
def test_a_batch_survives_the_wire(given_bodies: list[object], boot: int) -> None:
    records = [make_record(seq, 1.5, body) for seq, body in enumerate(given_bodies, 1)]  # type: ignore[arg-type]
    decoded = decode_batch(encode_batch(RecordBatch(boot, records)))
    assert decoded.boot == boot
    assert [decode_body(record) for record in decoded.records] == given_bodies


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_a_wire_error(data: bytes) -> None:
    for candidate in (data, zlib.compress(data)):
        try:
            decode_batch(candidate)
        except WireError:
            continue


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary() | st.floats(), st.lists, max_leaves=20))
def test_any_value_where_a_batch_is_expected_is_a_wire_error(value: object) -> None:
    with pytest.raises(WireError):
        decode_batch(zlib.compress(cbor2.dumps(value)))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0" * (MAX_RECORDS_MESSAGE_BYTES + 1), "over"),
        (zlib.compress(b"0" * (MAX_RECORDS_DECODED_BYTES + 1)), "when decompressed"),
        (zlib.compress(b"\xa0\xa0"), "bytes after"),
        (zlib.compress(b"\xd8\x23\x64(a*)"), "CBOR"),
        (zlib.compress(b"\xd8\x1c\x81\xd8\x1d\x00"), "CBOR"),
        (zlib.compress(b"\x81" * 2000), "CBOR"),
        (zlib.compress(cbor2.dumps({"boot": 1, "records": [], "more": 1})), "more"),
        (zlib.compress(cbor2.dumps({"boot": -1, "records": []})), "boot"),
        (zlib.compress(cbor2.dumps({"boot": 1 << 70, "records": []})), "CBOR|tag|int"),
    ],
    ids=["long", "bomb", "trailing", "regex-tag", "cyclic", "deep", "unknown-field", "negative", "huge-number"],
)
def test_hostile_batches_are_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode_batch(data)


def test_a_batch_that_would_be_too_long_is_not_sent() -> None:
    rng = random.Random(1)
    records = [make_record(i, 0.0, RunningReport(rng.randbytes(2048), b"")) for i in range(60)]
    with pytest.raises(WireError, match="over"):
        encode_batch(RecordBatch(1, records))


@pytest.mark.parametrize("body", [{}, {"execution": 1, "state": "nonsense"}, {"execution": "1", "state": "trial"}])
def test_a_body_of_another_shape_costs_only_its_own_record(body: dict[str, object]) -> None:
    with pytest.raises(WireError):
        decode_body(Record(1, 0.0, "execution", body))


def test_an_unknown_kind_of_record_is_refused() -> None:
    with pytest.raises(WireError, match="unknown record kind"):
        decode_body(Record(1, 0.0, "firmware", {}))


def test_ack_and_desired_survive_the_wire() -> None:
    assert decode_ack(encode_ack(RecordAck(3, 7))) == RecordAck(3, 7)
    assert decode_desired(encode_desired(Desired(9))) == Desired(9)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"boot":1}', b'{"boot":1,"seq":-1}', b"{" * 500, b" " * 5000])
def test_malformed_acks_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_ack(data)
