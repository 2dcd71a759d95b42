"""The live plane: Sparkplug B payloads that others can read, and figures that are checked before they are believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_LIVE_MESSAGE_BYTES
from edgeyard.wire.live import (
    LiveFigures,
    birth_payload,
    data_payload,
    death_payload,
    is_rebirth_command,
    read_bd_seq,
    read_figures,
    rebirth_command,
)
from edgeyard.wire.sparkplug import Metric, Payload, decode_payload, encode_payload
from edgeyard.wire.topic import Topic, durable_topic, live_topic, parse_topic

values = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=40)
doubles = st.floats(allow_nan=False)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), values | doubles), max_size=30))
def test_named_values_survive_the_wire(pairs: list[tuple[str, object]]) -> None:
    payload = Payload(1_700_000_000_000, 5, tuple(Metric(name, value) for name, value in pairs))  # type: ignore[arg-type]
    assert decode_payload(encode_payload(payload)) == payload


@given(st.binary(max_size=500))
def test_any_bytes_are_a_payload_or_a_wire_error(data: bytes) -> None:
    try:
        read_figures(decode_payload(data))
    except WireError:
        return


def test_birth_carries_session_number_rebirth_control_and_all_figures() -> None:
    figures = LiveFigures(latency_p50_ms=3.5, memory_bytes=10, boot=2, clock_at=9.5, running_target="m/1/int8.onnx")
    payload = decode_payload(encode_payload(birth_payload(figures, 7, 1000)))
    assert read_figures(payload) == figures
    assert read_bd_seq(payload) == 7
    assert payload.seq == 0
    assert "Node Control/Rebirth" in {metric.name for metric in payload.metrics}


def test_death_carries_only_the_session_number_and_no_sequence() -> None:
    payload = decode_payload(encode_payload(death_payload(7, 1000)))
    assert (read_bd_seq(payload), payload.seq, len(payload.metrics)) == (7, None, 1)


def test_a_rebirth_command_is_recognized() -> None:
    assert is_rebirth_command(decode_payload(encode_payload(rebirth_command(1))))
    assert not is_rebirth_command(data_payload(LiveFigures(), 1, 1))


@pytest.mark.parametrize(
    "metric",
    [
        Metric("edgeyard/boot", -1),
        Metric("edgeyard/boot", None),
        Metric("edgeyard/boot", 1.5),
        Metric("edgeyard/latency_p50_ms", float("nan")),
        Metric("edgeyard/latency_p50_ms", float("inf")),
        Metric("edgeyard/latency_p50_ms", "fast"),
        Metric("edgeyard/latency_p50_ms", True),
        Metric("edgeyard/problem", 5),
        Metric("edgeyard/problem", "x" * 501),
        Metric("edgeyard/memory_bytes", 1 << 63),
    ],
)
def test_figures_of_the_wrong_type_or_range_are_refused(metric: Metric) -> None:
    with pytest.raises(WireError, match=metric.name):
        read_figures(Payload(0, 0, (metric,)))


def test_long_payloads_are_neither_sent_nor_read() -> None:
    with pytest.raises(WireError):
        encode_payload(Payload(0, 0, (Metric("x", "y" * MAX_LIVE_MESSAGE_BYTES),)))
    with pytest.raises(WireError):
        decode_payload(b"\0" * (MAX_LIVE_MESSAGE_BYTES + 1))


def test_signed_integers_of_other_senders_are_read_as_two_s_complement() -> None:
    # Field 4 is the data type (Int32 = 3), field 10 the value; -5 as 32-bit two's complement.
    metric = b"\x0a\x01t" + b"\x20\x03" + b"\x50\xfb\xff\xff\xff\x0f"
    payload = decode_payload(b"\x12" + bytes([len(metric)]) + metric)
    assert payload.metrics == (Metric("t", -5),)


@pytest.mark.parametrize("kind", ["NBIRTH", "NDATA", "NDEATH", "NCMD"])
def test_live_topics_are_read_back(kind: str) -> None:
    assert parse_topic(live_topic("site", kind, "pi4-01")) == Topic("site", kind, "pi4-01")


@pytest.mark.parametrize("kind", ["records", "ack", "desired"])
def test_durable_topics_are_read_back(kind: str) -> None:
    assert parse_topic(durable_topic("site", "pi4-01", kind)) == Topic("site", kind, "pi4-01")


@pytest.mark.parametrize(
    "topic", ["", "a/b", "spBv1.0/site/NBIRTH/operator.eve", "edgeyard/v2/s/d/records", "spBv1.0/s/DDATA/d", "/" * 9]
)
def test_foreign_topics_are_not_ours(topic: str) -> None:
    assert parse_topic(topic) is None
