"""What the device owes its hub: nothing newer overtakes what was lost, nothing is forgotten before it is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeyard.agent import uplink as uplink_module
from edgeyard.agent.counters import Counters
from edgeyard.agent.outbox import Outbox
from edgeyard.agent.uplink import Uplink
from edgeyard.wire.live import LiveFigures, rebirth_command
from edgeyard.wire.message import DeviceEvent, RecordAck
from edgeyard.wire.record_codec import decode_batch, encode_ack
from edgeyard.wire.sparkplug import encode_payload


class Wire:
    """A link whose messages end in a list; losing one is not telling the hub of it."""

    def __init__(self) -> None:
        self.connected = True
        self.sent: list[list[int]] = []

    def publish_records(self, payload: bytes) -> bool:
        self.sent.append([record.seq for record in decode_batch(payload).records])
        return True

    def publish_live(self, kind: str, payload: bytes) -> bool:
        return True


class Desk:
    """An uplink over such a wire."""

    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        Counters.create(folder / "counters.json")
        counters = Counters(folder / "counters.json", 1.0)
        counters.start()
        self.boot = counters.boot
        self.outbox = Outbox(folder / "outbox.db", counters.boot)
        self.uplink = Uplink(
            self.outbox,
            self.wire,  # type: ignore[arg-type]
            counters,
            LiveFigures,
            lambda: 1.0,
        )

    def say(self, count: int = 1) -> None:
        for _ in range(count):
            self.uplink.report(DeviceEvent("info", "x", "y"))

    def ack(self, seq: int) -> None:
        self.uplink.acknowledged(encode_ack(RecordAck(self.boot, seq)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.outbox.close()


def test_the_next_batch_waits_for_the_acknowledgement_of_the_last(desk: Desk) -> None:
    desk.say(3)
    assert desk.wire.sent == [[1]]
    desk.ack(1)
    assert desk.wire.sent == [[1], [2, 3]]


def test_what_was_lost_is_sent_again_before_anything_newer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink_module, "RESEND_AFTER_S", -1.0)
    desk.say(2)
    desk.uplink.connected(bd_seq=2)
    desk.say()
    desk.uplink.resend_overdue()
    assert [batch[0] for batch in desk.wire.sent] == [1] * len(desk.wire.sent), "every batch begins with the oldest"
    assert desk.wire.sent[-1] == [1, 2, 3]


def test_a_host_that_is_new_gets_everything_that_is_not_safe_at_once(desk: Desk) -> None:
    desk.say(2)
    desk.uplink.commanded(encode_payload(rebirth_command(1)))
    assert desk.wire.sent[-1] == [1, 2]


def test_nothing_is_sent_without_a_connection_and_everything_after_it(desk: Desk) -> None:
    desk.wire.connected = False
    desk.say(2)
    assert desk.wire.sent == []
    desk.wire.connected = True
    desk.uplink.connected(bd_seq=1)
    assert desk.wire.sent == [[1, 2]]


def test_an_acknowledgement_of_another_start_or_of_garbage_releases_nothing(desk: Desk) -> None:
    desk.say(2)
    desk.uplink.acknowledged(b"{}")
    desk.uplink.acknowledged(encode_ack(RecordAck(desk.boot - 1, 99)))
    assert desk.wire.sent == [[1]]
