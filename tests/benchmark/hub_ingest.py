"""How fast the hub takes in durable records, beside what the parts below it can do at most in the same run.

`python tests/benchmark/hub_ingest.py --devices 8 --messages 6000 --records 12 --broker mosquitto` prints one JSON:
messages and records a second from the first publish to the last acknowledged record, two floors (a client that only
receives the same messages from the same broker; SQLite that only inserts as many rows), and the ratios to them.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgeyard.hub.broker import BrokerFiles, BrokerSupervisor, plan_broker
from edgeyard.wire.message import DeviceEvent, MetricsSummary, RecordBatch
from edgeyard.wire.record_codec import Body, decode_ack, encode_batch, make_record
from edgeyard.wire.topic import durable_topic
from tests.e2e.hub_parts import Credentials, MqttProbe, Pki
from tests.e2e.hub_process import SITE, DeviceProbe, HubProcess, HubSite, Operator

WINDOW = 200
"""Messages a device sends ahead of its acknowledgements, as an agent with a full outbox might."""


def batches(messages: int, records: int) -> list[bytes]:
    """Encoded batches of one device, numbered through."""
    metrics = MetricsSummary(
        start=1.0, duration_s=10, digest="ab" * 32, inferences=500, errors=1, latency_p50_ms=3.1, latency_p95_ms=7.9
    )
    event = DeviceEvent("info", "benchmark", "a line of text such as a device would write")
    bodies: list[Body] = [metrics, event]
    seq = 0
    encoded = []
    for _ in range(messages):
        rows = []
        for _ in range(records):
            seq += 1
            rows.append(make_record(seq, time.time(), bodies[seq % 2]))
        encoded.append(encode_batch(RecordBatch(1, rows)))
    return encoded


def send_all(device: DeviceProbe, payloads: list[bytes], records: int) -> None:
    """Publish with a window over the hub's acknowledgements, until the last is acknowledged."""
    topic = durable_topic(SITE, device.name, "records")
    committed = 0

    def on_ack(_client: Any, _data: Any, message: Any) -> None:
        nonlocal committed
        if message.topic.endswith("/ack"):
            committed = max(committed, decode_ack(message.payload).seq)

    device.probe.client.on_message = on_ack
    for number, payload in enumerate(payloads):
        device.probe.client.publish(topic, payload, qos=1)
        while committed < (number - WINDOW) * records:
            time.sleep(0.005)
    while committed < len(payloads) * records:
        time.sleep(0.005)


def measure_hub(site: HubSite, devices: int, messages: int, records: int) -> dict[str, float]:
    """Messages a second through the whole hub, and its memory."""
    with HubProcess(site) as hub:
        hub.ready()
        operator = Operator(site)
        operator.set_root()
        probes = [DeviceProbe(site, token, f"dev-{i}") for i, token in enumerate(operator.tokens(count=devices))]
        for probe in probes:
            probe.connect()
        payloads = batches(messages // devices, records)
        process = psutil.Process(hub.process.pid)
        threads = [threading.Thread(target=send_all, args=(probe, payloads, records)) for probe in probes]
        begun, cpu = time.perf_counter(), sum(process.cpu_times()[:2])
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s = time.perf_counter() - begun
        used_s = sum(process.cpu_times()[:2]) - cpu
        rss = process.memory_info().rss
        broker_rss = sum(child.memory_info().rss for child in process.children())
        for probe in probes:
            probe.disconnect()
    sent = len(payloads) * devices
    return {
        "messages_per_s": sent / took_s,
        "records_per_s": sent * records / took_s,
        "hub_cpu_share": used_s / took_s,
        "hub_rss_mb": rss / 2**20,
        "broker_rss_mb": broker_rss / 2**20,
    }


def measure_receive(site: HubSite, messages: int, records: int) -> float:
    """Messages a second of a client that does nothing but receive, from the same kind of broker."""
    pki = Pki(site.folder.root / "pki")
    broker = pki.issue("hub.broker", "hub")
    up = threading.Event()

    def report(state: str, _text: str, _todo: str) -> None:
        if state == "ok":
            up.set()

    supervisor = BrokerSupervisor(
        plan_broker(site.settings),
        site.folder,
        BrokerFiles(pki.ca_file, broker.certificate, broker.key),
        SITE,
        "hub.main",
        report,
    )
    supervisor.start()
    up.wait(10)
    hub, device = pki.issue("hub.main", "hub"), pki.issue("dev-0", "device")
    payloads = batches(messages, records)
    with _probe(site, hub, "hub.main") as receiver, _probe(site, device, "dev-0") as sender:
        receiver.wait_connected()
        sender.wait_connected()
        receiver.subscribe(f"edgeyard/v1/{SITE}/+/records")
        begun = time.perf_counter()
        for number, payload in enumerate(payloads):
            sender.client.publish(durable_topic(SITE, "dev-0", "records"), payload, qos=1)
            while len(receiver.received) < number - WINDOW:
                time.sleep(0.002)
        while len(receiver.received) < len(payloads):
            time.sleep(0.002)
        took_s = time.perf_counter() - begun
    supervisor.stop()
    return messages / took_s


def _probe(site: HubSite, credentials: Credentials, name: str) -> MqttProbe:
    return MqttProbe(site.settings.mqtt_port, credentials, f"{name}:{os.urandom(4).hex()}")


def measure_insert(folder: Path, messages: int, records: int) -> float:
    """Messages a second if SQLite only had to insert their rows, 300 messages a durable transaction."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE r (id INTEGER PRIMARY KEY, d TEXT, b INT, s INT, a REAL, r REAL, k TEXT, j TEXT)")
    rows = [("dev-0", 1, n, 1.0, 1.0, "metrics", "{" + "x" * 200 + "}") for n in range(300 * records)]
    begun = time.perf_counter()
    for _ in range(messages // 300):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO r (d, b, s, a, r, k, j) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    took_s = time.perf_counter() - begun
    connection.close()
    return messages // 300 * 300 / took_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--records", type=int, default=12)
    parser.add_argument("--broker", choices=["mosquitto", "embedded"], default="mosquitto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeyard-bench-") as name:
        folder = Path(name)
        hub = measure_hub(HubSite(folder / "hub", broker=given.broker), given.devices, given.messages, given.records)
        receive = measure_receive(HubSite(folder / "bare", broker=given.broker), given.messages, given.records)
        insert = measure_insert(folder, given.messages, given.records)
    result: dict[str, Any] = {
        **vars(given),
        **hub,
        "receive_only_messages_per_s": receive,
        "insert_only_messages_per_s": insert,
        "ratio_to_receive": hub["messages_per_s"] / receive,
        "ratio_to_insert": hub["messages_per_s"] / insert,
    }
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
