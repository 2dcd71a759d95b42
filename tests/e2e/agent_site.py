"""A site for one real agent process: Mosquitto with client certificates, the thin hub, and an ear on the records."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
from paho.mqtt.client import Client

from edgeyard.domain.execution import ExecutionState, TrialEvidence, is_live
from edgeyard.trust.device_key import verify_statement
from edgeyard.wire.live import LiveFigures, read_bd_seq, read_figures, rebirth_command
from edgeyard.wire.message import (
    Desired,
    DeviceEvent,
    ExecutionReport,
    MetricsSummary,
    RecordAck,
    RunningReport,
    RunningStatement,
)
from edgeyard.wire.record_codec import decode_batch, decode_body, encode_ack, encode_desired
from edgeyard.wire.sparkplug import decode_payload, encode_payload
from edgeyard.wire.statement import decode_statement
from edgeyard.wire.topic import durable_topic, live_topic
from tests.e2e.hub_parts import MqttProbe, Pki, eventually
from tests.free_port import free_port
from tests.services import require
from tests.unit.agent import toy_model
from tests.unit.agent.toy_hub import PROFILE, SITE, ToyHub

T = TypeVar("T")


class Mosquitto:
    """A broker that demands certificates; `restart` keeps its port."""

    def __init__(self, folder: Path, pki: Pki) -> None:
        self.program = require("mosquitto")
        self.port = free_port()
        server = pki.issue("hub.broker", "hub")
        self.folder = folder
        folder.mkdir()
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nuser {'root' if os.geteuid() == 0 else ''}\n"
            f"cafile {server.ca}\ncertfile {server.certificate}\nkeyfile {server.key}\n"
            "require_certificate true\nuse_identity_as_username true\nallow_anonymous false\npersistence false\n"
            "max_inflight_messages 2000\nmax_queued_messages 200000\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
        )
        log.close()
        eventually(self._answers, what="the broker listens")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Ear:
    """The hub's side of MQTT: keeps every record once, acknowledges, and remembers the live plane."""

    def __init__(self, port: int, pki: Pki, device: str) -> None:
        self.device = device
        self.probe = MqttProbe(port, pki.issue("hub.ear", "hub"), "hub.ear")
        self.acknowledges = True
        self.records: list[Any] = []
        self.live: list[tuple[str, int | None, LiveFigures]] = []
        self._seen: dict[int, int] = {}
        self._read = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        topics = [durable_topic(SITE, self.device, "records")]
        topics += [live_topic(SITE, kind, self.device) for kind in ("NBIRTH", "NDATA", "NDEATH")]

        def on_connect(client: Client, *_: object) -> None:
            # Again after the broker was away.
            client.subscribe([(topic, 1) for topic in topics])

        self.probe.client.reconnect_delay_set(1, 1)
        self.probe.client.on_connect = on_connect
        self.probe.__enter__()
        eventually(lambda: self.probe.granted, what="subscribed")
        return self

    def __exit__(self, *_: object) -> None:
        self.probe.__exit__()

    def listen(self) -> None:
        """Take in what arrived since the last time."""
        with self._lock:
            arrived = self.probe.received[self._read :]
            self._read += len(arrived)
            for topic, payload in arrived:
                if topic.endswith("/records"):
                    self._take(payload)
                else:
                    kind = topic.split("/")[2]
                    decoded = decode_payload(payload)
                    figures = read_figures(decoded) if kind != "NDEATH" else LiveFigures()
                    self.live.append((kind, read_bd_seq(decoded), figures))

    def _take(self, payload: bytes) -> None:
        if not self.acknowledges:
            return
        batch = decode_batch(payload)
        for record in batch.records:
            if record.seq > self._seen.get(batch.boot, 0):
                self._seen[batch.boot] = record.seq
                self.records.append(decode_body(record))
        ack = encode_ack(RecordAck(batch.boot, batch.records[-1].seq))
        self.probe.client.publish(durable_topic(SITE, self.device, "ack"), ack, qos=1)

    def of(self, kind: type[T]) -> list[T]:
        self.listen()
        return [record for record in self.records if isinstance(record, kind)]

    def states(self, execution: int) -> list[ExecutionState]:
        return [report.state for report in self.of(ExecutionReport) if report.execution == execution]

    def end(self, execution: int) -> ExecutionReport | None:
        ends = [r for r in self.of(ExecutionReport) if r.execution == execution and not is_live(r.state)]
        assert len({report.state for report in ends}) <= 1
        return ends[0] if ends else None

    def hint(self, version: int) -> None:
        topic = durable_topic(SITE, self.device, "desired")
        self.probe.publish(topic, encode_desired(Desired(version)), retain=True)

    def ask_for_rebirth(self) -> None:
        payload = encode_payload(rebirth_command(int(time.time() * 1000)))
        self.probe.publish(live_topic(SITE, "NCMD", self.device), payload)


class AgentSite:
    """Everything around one agent in one folder."""

    def __init__(self, folder: Path, device: str = "press-1") -> None:
        self.folder = folder
        self.device = device
        self.state = folder / "state"
        self.hub = ToyHub(folder / "hub")
        self.broker = Mosquitto(folder / "broker", self.hub.pki)
        self.hub.mqtt_port = self.broker.port
        self.input = folder / "live.npz"
        x, _ = toy_model.samples(50, seed=3)
        self.input.write_bytes(toy_model.npz(x=x))
        self.agents: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def running(self) -> Iterator[AgentSite]:
        self.hub.start()
        self.broker.start()
        try:
            with Ear(self.broker.port, self.hub.pki, self.device) as self.ear:
                yield self
        finally:
            for agent in self.agents:
                if agent.poll() is None:
                    agent.kill()
                agent.wait()
                for pipe in (agent.stdin, agent.stdout):
                    if pipe is not None:
                        pipe.close()
            self.broker.kill()
            self.hub.stop()

    def release(self, version: int, model: bytes, *, accuracy: float = 1.0, golden: bytes | None = None) -> Any:
        return self.hub.release_model(
            version,
            model,
            golden if golden is not None else toy_model.golden_set(),
            input_shape=toy_model.INPUT_SHAPE,
            golden_accuracy=accuracy,
            preprocessing={},
        )

    def start_agent(
        self, *more: str, command: Sequence[str] = (), input_path: str | None = None
    ) -> subprocess.Popen[bytes]:
        arguments = [
            *(command or (sys.executable, "-m", "edgeyard")), "agent", "run", "--state", str(self.state), "--token",
            self.hub.token(), "--id", self.device, "--profile", PROFILE, "--rate", "20", "--report-every", "2",
            "--live-every", "1", "--poll-every", "2", *more,
        ]  # fmt: skip
        if input_path != "":
            arguments += ["--input", input_path or str(self.input)]
        log = (self.folder / "agent.log").open("ab")
        agent = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, stderr=log)
        log.close()
        self.agents.append(agent)
        return agent

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def assign(self, target: Any, execution: int, **more: Any) -> None:
        self.ear.hint(self.hub.assign(self.device, target, execution, **more))

    def roll_out(self, target: Any, execution: int, *, timeout_s: float = 40.0, **more: Any) -> ExecutionReport:
        """Assign and wait for the end."""
        self.assign(target, execution, **more)
        return self.end(execution, timeout_s)

    def end(self, execution: int, timeout_s: float = 40.0) -> ExecutionReport:
        try:
            report = eventually(lambda: self.ear.end(execution), timeout_s, f"execution {execution} ends")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from error
        assert isinstance(report, ExecutionReport)
        return report

    def running_word(self) -> RunningStatement | None:
        """What the device last signed, verified against its certificate."""
        reports = self.ear.of(RunningReport)
        if not reports:
            return None
        certificate = (self.state / "device.pem").read_text()
        statements = []
        for report in reports:
            verify_statement(certificate, report.statement, report.signature)
            statements.append(decode_statement(report.statement))
        counters = [statement.counter for statement in statements]
        assert counters == sorted(set(counters)), "a statement's counter did not grow"
        return statements[-1]

    def events(self) -> list[DeviceEvent]:
        return self.ear.of(DeviceEvent)

    def metrics(self) -> list[MetricsSummary]:
        return self.ear.of(MetricsSummary)


def runner_of(agent: subprocess.Popen[bytes]) -> psutil.Process:
    """The agent's runner, once there is one."""

    def find() -> psutil.Process | None:
        for child in psutil.Process(agent.pid).children(recursive=True):
            # One that has just ended has no command line any more.
            with contextlib.suppress(psutil.Error):
                if "edgeyard.agent.runner" in child.cmdline():
                    return child
        return None

    found = eventually(find, what="the agent has a runner")
    assert isinstance(found, psutil.Process)
    return found


def kill(agent: subprocess.Popen[bytes]) -> None:
    agent.send_signal(signal.SIGKILL)
    agent.wait()


def evidence(report: ExecutionReport) -> TrialEvidence:
    assert report.evidence is not None
    return report.evidence
