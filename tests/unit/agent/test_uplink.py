"""Records and live figures on their way: one batch at a time, again when nobody answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeyard.agent import uplink as uplink_module
from edgeyard.agent.counters import Counters
from edgeyard.agent.outbox import Outbox
from edgeyard.agent.uplink import RESEND_AFTER_S, Uplink
from edgeyard.wire.limit import MAX_RECORDS_MESSAGE_BYTES, MAX_RECORDS_PER_BATCH
from edgeyard.wire.live import LiveFigures, read_bd_seq, rebirth_command
from edgeyard.wire.message import DeviceEvent, RecordAck, RecordBatch
from edgeyard.wire.record_codec import decode_batch, encode_ack
from edgeyard.wire.sparkplug import decode_payload, encode_payload


class Wire:
    """Takes the place of the link: keeps what is published."""

    def __init__(self) -> None:
        self.connected = True
        self.batches: list[RecordBatch] = []
        self.sizes: list[int] = []
        self.live: list[tuple[str, int | None, int | None]] = []

    def publish_records(self, payload: bytes) -> bool:
        self.batches.append(decode_batch(payload))
        self.sizes.append(len(payload))
        return True

    def publish_live(self, kind: str, payload: bytes, qos: int = 0) -> Any:
        decoded = decode_payload(payload)
        self.live.append((kind, decoded.seq, read_bd_seq(decoded)))
        return object()


class Parts:
    def __init__(self, folder: Path) -> None:
        Counters.create(folder / "counters.json", 0.0)
        self.counters = Counters(folder / "counters.json", 1.8e9)
        self.counters.start()
        self.wire = Wire()
        self.outbox = Outbox(folder / "outbox.db", self.counters.boot)
        self.now = 1000.0
        self.uplink = Uplink(self.outbox, self.wire, self.counters, LiveFigures, lambda: 1.8e9)  # type: ignore[arg-type]

    def sent(self) -> list[int]:
        return [record.seq for batch in self.wire.batches for record in batch.records]

    def ack(self, seq: int, boot: int | None = None) -> None:
        self.uplink.acknowledged(encode_ack(RecordAck(self.counters.boot if boot is None else boot, seq)))


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    parts = Parts(tmp_path)
    monkeypatch.setattr(uplink_module.time, "monotonic", lambda: parts.now)
    return parts


def test_a_record_goes_out_at_once_and_is_forgotten_on_the_hubs_word(parts: Parts) -> None:
    key = parts.uplink.report(DeviceEvent("info", "a", "x"))
    assert parts.sent() == [1]
    assert parts.uplink.waits(key)
    parts.ack(1)
    assert len(parts.outbox) == 0
    assert not parts.uplink.waits(key)


def test_without_a_session_records_wait_and_the_birth_comes_first(parts: Parts) -> None:
    parts.wire.connected = False
    for _ in range(3):
        parts.uplink.report(DeviceEvent("info", "a", "x"))
    assert parts.sent() == []
    parts.wire.connected = True
    parts.uplink.on_birth = lambda: parts.wire.live.append(("word", None, None))
    parts.uplink.connected(7)
    assert parts.wire.live == [("NBIRTH", 0, 7), ("word", None, None)]
    assert parts.sent() == [1, 2, 3]
    assert Counters(parts.counters._path, 0).bd_seq == 7


def test_the_next_batch_waits_for_the_acknowledgement_of_the_last(parts: Parts) -> None:
    for _ in range(3):
        parts.uplink.report(DeviceEvent("info", "a", "x"))
    assert parts.sent() == [1]
    parts.ack(1)
    assert parts.sent() == [1, 2, 3]


def test_what_was_lost_is_sent_again_before_anything_newer(parts: Parts) -> None:
    for _ in range(2):
        parts.uplink.report(DeviceEvent("info", "a", "x"))
    parts.uplink.connected(2)
    parts.uplink.report(DeviceEvent("info", "a", "x"))
    parts.now += RESEND_AFTER_S + 1
    parts.uplink.resend_overdue()
    assert all(batch.records[0].seq == 1 for batch in parts.wire.batches), "every batch begins with the oldest"
    assert [record.seq for record in parts.wire.batches[-1].records] == [1, 2, 3]


def test_a_host_that_is_new_gets_everything_that_is_not_safe_at_once(parts: Parts) -> None:
    for _ in range(2):
        parts.uplink.report(DeviceEvent("info", "a", "x"))
    parts.uplink.commanded(encode_payload(rebirth_command(1)))
    assert [record.seq for record in parts.wire.batches[-1].records] == [1, 2]


def test_an_acknowledgement_of_another_start_or_of_garbage_releases_nothing(parts: Parts) -> None:
    for _ in range(2):
        parts.uplink.report(DeviceEvent("info", "a", "x"))
    parts.uplink.acknowledged(b"{}")
    parts.ack(99, boot=parts.counters.boot - 1)
    assert parts.sent() == [1]


def test_what_nobody_acknowledged_is_sent_again_after_a_while_and_then_less_often(parts: Parts) -> None:
    parts.uplink.report(DeviceEvent("info", "a", "x"))
    parts.now += RESEND_AFTER_S - 1
    parts.uplink.resend_overdue()
    assert parts.sent() == [1]
    parts.now += 2
    parts.uplink.resend_overdue()
    assert parts.sent() == [1, 1]
    parts.now += RESEND_AFTER_S + 1
    parts.uplink.resend_overdue()
    assert parts.sent() == [1, 1]
    parts.now += RESEND_AFTER_S
    parts.uplink.resend_overdue()
    assert parts.sent() == [1, 1, 1]


def test_batches_keep_to_the_limits_of_the_wire(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    parts.wire.connected = False
    noise = random.Random(1)
    for _ in range(MAX_RECORDS_PER_BATCH + 50):
        text = "".join(chr(noise.randrange(32, 0x2000)) for _ in range(400))
        parts.uplink.report(DeviceEvent("info", "a", text))
    parts.wire.connected = True
    parts.uplink.connected(1)
    while len(parts.outbox):
        parts.ack(parts.wire.batches[-1].records[-1].seq)
    assert parts.sent() == list(range(1, MAX_RECORDS_PER_BATCH + 51))
    assert max(parts.wire.sizes) <= MAX_RECORDS_MESSAGE_BYTES
    assert len(parts.wire.batches) > 2


def test_an_earlier_boots_records_go_first_in_batches_of_their_own(tmp_path: Path) -> None:
    before = Parts(tmp_path)
    before.wire.connected = False
    before.uplink.report(DeviceEvent("info", "a", "old"))
    before.outbox.close()
    counters = Counters(tmp_path / "counters.json", 1.8e9)
    counters.start()
    wire = Wire()
    outbox = Outbox(tmp_path / "outbox.db", counters.boot)
    uplink = Uplink(outbox, wire, counters, LiveFigures, lambda: 1.8e9)  # type: ignore[arg-type]
    uplink.report(DeviceEvent("info", "a", "new"))
    uplink.acknowledged(encode_ack(RecordAck(1, 1)))
    assert [(batch.boot, len(batch.records)) for batch in wire.batches] == [(1, 1), (2, 1)]
    uplink.acknowledged(encode_ack(RecordAck(2, 1)))
    assert len(outbox) == 0


def test_live_figures_count_up_and_wrap_and_a_rebirth_begins_anew(parts: Parts) -> None:
    parts.uplink.connected(3)
    for _ in range(256):
        parts.uplink.send_live()
    assert [seq for _, seq, _ in parts.wire.live[:3]] == [0, 1, 2]
    assert parts.wire.live[-1][1] == 0
    parts.uplink.commanded(encode_payload(rebirth_command(0)))
    assert parts.wire.live[-1] == ("NBIRTH", 0, 3)
    parts.uplink.commanded(b"\xff\xff")
    assert len(parts.wire.live) == 258
