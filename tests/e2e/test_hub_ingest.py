"""What devices say, from their own connection to the rows people see; and what hostile ones cannot do."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest

from edgeyard.domain.device import Device
from edgeyard.store.device import device_events, get_device, revoke_device, running_report
from edgeyard.store.metric import samples
from edgeyard.store.record import DeadLetter, dead_letters, watermark
from edgeyard.trust.device_key import create_private_key
from edgeyard.wire.live import is_rebirth_command
from edgeyard.wire.message import DeviceEvent, ExecutionReport, MetricsSummary, RecordBatch
from edgeyard.wire.record_codec import encode_batch, make_record
from edgeyard.wire.sparkplug import decode_payload
from edgeyard.wire.topic import durable_topic, live_topic
from tests.e2e.hub_parts import MqttProbe, eventually
from tests.e2e.hub_process import SITE, DeviceProbe, HubProcess, HubSite, Operator
from tests.services import require

pytestmark = [pytest.mark.e2e]

DIGEST = "ab" * 32


class World:
    """A running hub with an operator; devices join as tests need them."""

    def __init__(self, site: HubSite, operator: Operator) -> None:
        self.site = site
        self.operator = operator
        self.database = site.database()

    def device(self, name: str) -> DeviceProbe:
        device = DeviceProbe(self.site, self.operator.tokens()[0], name)
        device.connect()
        return device

    def row(self, name: str) -> Device:
        with self.database.read() as c:
            device = get_device(c, name)
        assert device is not None
        return device

    def letters(self, name: str) -> list[DeadLetter]:
        with self.database.read() as c:
            return [letter for letter in dead_letters(c, 1000) if letter.device_id == name]


@pytest.fixture(scope="module", params=["mosquitto", "embedded"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param == "mosquitto":
        require("mosquitto")
    site = HubSite(tmp_path_factory.mktemp("ingest") / "site", broker=request.param)
    with HubProcess(site) as hub:
        hub.ready()
        operator = Operator(site)
        operator.set_root()
        world = World(site, operator)
        yield world
        world.database.close()
        log = (site.folder.logs / "hub.log").read_text()
        assert "Traceback" not in log, log[-3000:]


def test_live_figures_reach_the_device_row(world: World) -> None:
    device = world.device("live-1")
    device.birth(latency_p50_ms=3.5, agent_version="0.1.0", inferences_total=100, errors_total=0)
    eventually(lambda: world.row("live-1").online, what="online")
    device.data(latency_p50_ms=4.5, latency_p95_ms=9.0, inferences_total=200, errors_total=10, cpu_percent=12.5)
    eventually(lambda: world.row("live-1").latency_p50_ms == 4.5, what="figures")
    row = world.row("live-1")
    assert row.agent_version == "0.1.0"
    assert row.error_rate == pytest.approx(0.1)
    assert row.cpu_percent == 12.5
    assert row.clock_skew_s == pytest.approx(0, abs=2)
    device.probe.cut()
    eventually(lambda: not world.row("live-1").online, what="offline by its will")
    assert world.row("live-1").latency_p50_ms == 4.5, "the last figures stay"


def test_a_clock_in_1970_is_measured_and_corrected(world: World) -> None:
    device = world.device("clock-1")
    device.birth()
    eventually(lambda: world.row("clock-1").online, what="online")
    payload = device.probe
    from edgeyard.wire.live import LiveFigures, data_payload
    from edgeyard.wire.sparkplug import encode_payload

    figures = data_payload(LiveFigures(boot=1, clock_at=1000.0), 1, 1_000_000)
    payload.publish(live_topic(SITE, "NDATA", "clock-1"), encode_payload(figures), qos=0)
    eventually(lambda: (world.row("clock-1").clock_skew_s or 0) < -1e9, what="skew")
    device.wait_acknowledged(device.send(_metrics(start=990.0)))
    with world.database.read() as c:
        found = samples(c, "clock-1", time.time() - 600, time.time() + 1)
    assert len(found) == 1
    assert found["at"][0] == pytest.approx(time.time() - 10, abs=30)
    device.disconnect()


def test_a_device_that_was_not_born_is_asked_for_it_once(world: World) -> None:
    device = world.device("unborn-1")
    device.data(latency_p50_ms=1.0)
    device.data(latency_p50_ms=2.0)
    topic = live_topic(SITE, "NCMD", "unborn-1")
    commands = eventually(lambda: device.probe.payloads(topic), what="rebirth command")
    assert is_rebirth_command(decode_payload(commands[0]))
    eventually(lambda: world.row("unborn-1").latency_p50_ms == 2.0, what="figures count even before")
    assert len(device.probe.payloads(topic)) == 1
    device.disconnect()


def test_the_host_says_that_it_is_there(world: World) -> None:
    device = world.device("host-1")
    device.probe.subscribe("spBv1.0/STATE/plant")
    states = eventually(lambda: device.probe.payloads("spBv1.0/STATE/plant"), what="STATE")
    state = json.loads(states[-1])
    assert state["online"] is True
    assert state["timestamp"] > 1e12
    device.disconnect()


def test_records_are_committed_once_and_acknowledged(world: World) -> None:
    device = world.device("rec-1")
    seq = device.send(DeviceEvent("attention", "door", "The door is open."), _metrics(), device.running(DIGEST))
    device.wait_acknowledged(seq)
    batch = RecordBatch(1, [make_record(1, time.time(), DeviceEvent("attention", "door", "The door is open."))])
    device.send_raw(encode_batch(batch))
    device.wait_acknowledged(device.send(_metrics()))
    with world.database.read() as c:
        assert [event.text for event in device_events(c, "rec-1", 10)] == ["The door is open."]
        assert len(samples(c, "rec-1", 0, time.time() + 1)) == 2
        assert watermark(c, "rec-1") == {1: 4}
        report = running_report(c, "rec-1")
    assert report is not None
    assert world.row("rec-1").running_digest == DIGEST
    assert not world.letters("rec-1")
    device.disconnect()


def test_hostile_payloads_become_dead_letters_and_ingest_goes_on(world: World) -> None:
    device = world.device("evil-1")
    bomb = zlib.compress(b"\0" * (50 << 20))
    hostile: list[bytes] = [
        b"",
        b"\0" * 100,
        os.urandom(5000),
        b"{}",
        zlib.compress(b"not cbor \xff\xff"),
        bomb[: 60 * 1024],
        zlib.compress(cbor2.dumps({"boot": 1, "records": "many"})),
        zlib.compress(cbor2.dumps({"boot": -1, "records": []})),
        zlib.compress(cbor2.dumps({"boot": 1, "records": [{"seq": 1}]})),
        zlib.compress(b"\x9f" * 5000),
        zlib.compress(cbor2.dumps({"boot": 1, "records": [], "more": 1})),
        b"x" * (70 * 1024),
    ]
    for payload in hostile:
        device.send_raw(payload)
    device.probe.publish(live_topic(SITE, "NDATA", "evil-1"), b"\xff" * 200, qos=0)
    device.probe.publish(live_topic(SITE, "NBIRTH", "evil-1"), os.urandom(300), qos=0)
    device.wait_acknowledged(device.send(DeviceEvent("info", "ok", "still here")))
    letters = eventually(lambda: _at_least(world.letters("evil-1"), len(hostile) + 2), what="dead letters")
    assert all(letter.reason for letter in letters)
    assert max(len(letter.payload) for letter in letters) <= 4096
    device.disconnect()


def test_one_bad_record_does_not_cost_its_batch(world: World) -> None:
    device = world.device("mixed-1")
    bad: list[Any] = [
        {"seq": 2, "at": 1.0, "kind": "poetry", "body": {}},
        {"seq": 3, "at": 1.0, "kind": "metrics", "body": {"start": "soon"}},
        {"seq": 4, "at": 1.0, "kind": "execution", "body": {"execution": 999_999, "state": "succeeded"}},
        {"seq": 5, "at": 1.0, "kind": "event", "body": {"severity": "info", "code": "x", "text": "y" * 5000}},
    ]
    good = [
        msgspec.to_builtins(make_record(seq, time.time(), DeviceEvent("info", "ok", f"good {seq}"))) for seq in (1, 6)
    ]
    device.send_raw(zlib.compress(cbor2.dumps({"boot": 1, "records": [good[0], *bad, good[1]]})))
    device.wait_acknowledged(6)
    with world.database.read() as c:
        assert {event.text for event in device_events(c, "mixed-1", 10)} == {"good 1", "good 6"}
    reasons = " ".join(letter.reason for letter in world.letters("mixed-1"))
    assert len(world.letters("mixed-1")) == 4
    for word in ("poetry", "record 3", "not of this device", "record 5"):
        assert word in reasons
    device.disconnect()


def test_nul_and_strange_text_do_not_stop_ingest(world: World) -> None:
    device = world.device("text-1")
    device.wait_acknowledged(
        device.send(DeviceEvent("info", "nul", "a\0b"), DeviceEvent("info", "uni", "\U0001f600 ✓"))
    )
    device.birth(problem="lens\0 dirty")
    eventually(lambda: "dirty" in world.row("text-1").problem, what="problem shown")
    device.data(problem="")
    eventually(lambda: not world.row("text-1").problem, what="problem cleared")
    device.disconnect()


def test_a_forged_statement_is_refused_and_shown(world: World) -> None:
    device = world.device("forge-1")
    device.wait_acknowledged(device.send(device.running(DIGEST, key_pem=create_private_key())))
    row = world.row("forge-1")
    assert row.running_digest == ""
    assert row.problem_severity == "attention"
    assert "signature" in row.problem
    assert "signature" in world.letters("forge-1")[0].reason
    device.wait_acknowledged(device.send(device.running(DIGEST)))
    row = world.row("forge-1")
    assert row.running_digest == DIGEST
    assert row.problem == ""
    device.disconnect()


def test_an_old_statement_repeated_changes_nothing(world: World) -> None:
    device = world.device("replay-1")
    old = device.running("cd" * 32)
    device.wait_acknowledged(device.send(old))
    device.wait_acknowledged(device.send(device.running(DIGEST)))
    device.wait_acknowledged(device.send(old))
    assert world.row("replay-1").running_digest == DIGEST
    device.disconnect()


def test_a_statement_of_another_device_is_refused(world: World) -> None:
    one, two = world.device("swap-1"), world.device("swap-2")
    theirs = two.running(DIGEST)
    one.wait_acknowledged(one.send(theirs))
    assert world.row("swap-1").running_digest == ""
    assert world.letters("swap-1")
    one.disconnect()
    two.disconnect()


def test_a_device_cannot_send_records_for_another(world: World) -> None:
    one, two = world.device("acl-1"), world.device("acl-2")
    forged = encode_batch(RecordBatch(1, [make_record(1, time.time(), DeviceEvent("alarm", "x", "forged"))]))
    one.probe.publish(durable_topic(SITE, "acl-2", "records"), forged)
    one.wait_acknowledged(one.send(DeviceEvent("info", "ok", "own")))
    two.wait_acknowledged(two.send(DeviceEvent("info", "ok", "own")))
    with world.database.read() as c:
        assert [event.text for event in device_events(c, "acl-2", 10)] == ["own"]
    one.disconnect()
    two.disconnect()


def test_a_revoked_device_is_not_heard_any_more(world: World) -> None:
    device = world.device("revoked-1")
    device.wait_acknowledged(device.send(DeviceEvent("info", "ok", "before")))
    with world.database.write() as c:
        revoke_device(c, "revoked-1", time.time())
    time.sleep(2.5)  # the hub looks every second
    device.send(DeviceEvent("info", "ok", "after"))
    marker = world.device("revoked-2")
    marker.wait_acknowledged(marker.send(DeviceEvent("info", "ok", "marker")))
    with world.database.read() as c:
        assert [event.text for event in device_events(c, "revoked-1", 10)] == ["before"]
    marker.disconnect()
    device.disconnect()


def test_an_operator_reads_the_fleet_and_a_new_one_at_once(world: World, tmp_path: Path) -> None:
    from tests.e2e.hub_process import Member

    bert = Member(tmp_path / "bert", world.operator.tokens("operator")[0], "bert")
    device = world.device("seen-1")

    def reads(name: str) -> MqttProbe:
        probe = bert.mqtt()
        probe.__enter__()
        assert probe.wait_connected()
        probe.subscribe(f"spBv1.0/{SITE}/#")
        device.birth()
        return probe

    time.sleep(1.5)  # the access list follows within a tick
    probe = reads("bert")
    eventually(lambda: probe.payloads(live_topic(SITE, "NBIRTH", "seen-1")), what="operator hears a birth")
    probe.__exit__()
    device.disconnect()


def test_a_flood_of_records_is_all_committed(world: World) -> None:
    device = world.device("flood-1")
    last = 0
    for _ in range(200):
        last = device.send(*[DeviceEvent("info", "flood", "x" * 100)] * 20)
    eventually(lambda: device.acknowledged() >= last, 60, "all acknowledged")
    with world.database.read() as c:
        assert watermark(c, "flood-1") == {1: 4000}
    device.disconnect()


def test_an_execution_of_another_device_is_not_believed(world: World) -> None:
    device = world.device("exec-1")
    device.wait_acknowledged(device.send(ExecutionReport(execution=1, state="succeeded")))  # type: ignore[arg-type]
    assert "not of this device" in world.letters("exec-1")[0].reason
    device.disconnect()


def _metrics(start: float | None = None) -> MetricsSummary:
    begun = time.time() - 10 if start is None else start
    return MetricsSummary(
        start=begun, duration_s=10, digest=DIGEST, inferences=50, errors=1, latency_p50_ms=3, latency_p95_ms=7
    )


def _at_least(items: list[Any], count: int) -> list[Any]:
    return items if len(items) >= count else []
