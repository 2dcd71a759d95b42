"""The broker's keeper with real brokers: whom they let in, who may say and hear what, and how they come back."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.hub.broker import BrokerFiles, BrokerPlan, BrokerSupervisor, plan_broker
from edgeyard.hub.child_process import end_stale_child
from edgeyard.hub.network_port import port_answers
from edgeyard.trust.tls import client_context
from tests.e2e.hub_parts import Credentials, MqttProbe, Pki, all_connected, eventually, port_taken
from tests.free_port import free_port
from tests.services import require

pytestmark = [pytest.mark.e2e]

SITE = "plant"
A_RECORDS = "edgeyard/v1/plant/press-a/records"
B_RECORDS = "edgeyard/v1/plant/press-b/records"


class Site:
    """A supervised broker with a hub, an operator and two devices."""

    def __init__(self, folder: Path, kind: str) -> None:
        if kind == "mosquitto":
            require("mosquitto")
        self.folder = SiteFolder(folder)
        self.folder.make()
        self.pki = Pki(folder / "pki")
        broker = self.pki.issue("hub.broker", "hub")
        self.port = free_port()
        self.reports: list[tuple[str, str, str]] = []
        self.plan = plan_broker(Settings(site=SITE, mqtt_port=self.port, broker=kind))
        self.files = BrokerFiles(self.pki.ca_file, broker.certificate, broker.key)
        self.supervisor = self._supervisor()
        self.hub = self.pki.issue("hub.main", "hub")
        self.a, self.b = self.pki.issue("press-a", "device"), self.pki.issue("press-b", "device")
        self.operator = self.pki.issue("operator.anna", "operator")

    def _supervisor(self) -> BrokerSupervisor:
        return BrokerSupervisor(
            self.plan, self.folder, self.files, SITE, "hub.main", lambda *words: self.reports.append(words)
        )

    def start(self) -> None:
        self.supervisor.set_access(["operator.anna"], [])
        self.supervisor.start()
        eventually(lambda: self.reports and self.reports[-1][0] == "ok", what="broker up")

    def probe(self, credentials: Credentials, name: str) -> MqttProbe:
        return MqttProbe(self.port, credentials, f"{name}:{os.urandom(4).hex()}")

    def broker_pid(self) -> int:
        child = self.supervisor._child
        assert child is not None
        return child.pid


@pytest.fixture(params=["mosquitto", "embedded"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "site", request.param)
    site.start()
    yield site
    site.supervisor.stop()


def test_a_client_without_a_certificate_gets_no_session(site: Site) -> None:
    probe = MqttProbe(site.port, site.a, "press-a:1", certificate=False)
    try:
        with probe:
            assert not probe.wait_connected(2)
    except (ssl.SSLError, ConnectionError):
        pass


def test_a_certificate_of_another_authority_is_refused(site: Site, tmp_path: Path) -> None:
    stranger = Pki(tmp_path / "elsewhere").issue("press-a", "device")
    context = client_context(site.pki.ca_file, stranger.certificate, stranger.key)
    # TLS 1.3: the client learns of the refusal at its first read.
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection(("127.0.0.1", site.port), 5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        tls.settimeout(5)
        tls.sendall(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07press-a")
        if not tls.recv(4):
            raise ConnectionResetError


def test_a_device_reaches_the_hub_and_hears_only_its_own_answers(site: Site) -> None:
    with (
        site.probe(site.hub, "hub.main") as hub,
        site.probe(site.a, "press-a") as a,
        site.probe(site.b, "press-b") as b,
    ):
        assert all_connected(hub, a, b)
        hub.subscribe("edgeyard/v1/plant/+/records")
        a.subscribe("edgeyard/v1/plant/press-a/ack")
        b.subscribe("edgeyard/v1/plant/press-a/ack")  # Mosquitto grants it and delivers nothing
        b.subscribe("#")
        a.publish(A_RECORDS, b"from a")
        eventually(lambda: hub.payloads(A_RECORDS) == [b"from a"], what="hub hears a")
        hub.publish("edgeyard/v1/plant/press-a/ack", b"for a")
        eventually(lambda: a.received == [("edgeyard/v1/plant/press-a/ack", b"for a")], what="a hears its ack")
        hub.publish("edgeyard/v1/plant/press-b/ack", b"for b")
        b.subscribe("edgeyard/v1/plant/press-b/ack")
        hub.publish("edgeyard/v1/plant/press-b/ack", b"for b again")
        eventually(lambda: b"for b again" in b.payloads("edgeyard/v1/plant/press-b/ack"), what="b hears its ack")
        assert not b.payloads("edgeyard/v1/plant/press-a/ack")
        assert not b.payloads(A_RECORDS)


def test_a_device_cannot_speak_for_another(site: Site) -> None:
    with site.probe(site.hub, "hub.main") as hub, site.probe(site.a, "press-a") as a:
        assert all_connected(hub, a)
        hub.subscribe("edgeyard/v1/plant/+/records")
        hub.subscribe("spBv1.0/plant/#")
        hub.subscribe("edgeyard/v1/plant/+/desired")
        a.publish(B_RECORDS, b"forged")
        a.publish("spBv1.0/plant/NDEATH/press-b", b"forged")
        a.publish("edgeyard/v1/plant/press-a/desired", b"forged", retain=True)
        a.publish("edgeyard/v1/other/press-a/records", b"forged")
        a.publish(A_RECORDS, b"honest")
        eventually(lambda: hub.payloads(A_RECORDS) == [b"honest"], what="hub hears a")
        assert hub.received == [(A_RECORDS, b"honest")]


def test_retained_messages_of_others_stay_unread(site: Site) -> None:
    with site.probe(site.hub, "hub.main") as hub, site.probe(site.operator, "operator.anna") as operator:
        assert all_connected(hub, operator)
        operator.subscribe("edgeyard/v1/plant/#")
        hub.publish("edgeyard/v1/plant/press-b/desired", b"7", retain=True)
        eventually(lambda: operator.payloads("edgeyard/v1/plant/press-b/desired"), what="operator hears")
        with site.probe(site.a, "press-a") as a, site.probe(site.b, "press-b") as b:
            assert all_connected(a, b)
            a.subscribe("edgeyard/v1/plant/press-a/desired")
            b.subscribe("edgeyard/v1/plant/press-b/desired")
            eventually(lambda: b.payloads("edgeyard/v1/plant/press-b/desired"), what="b reads its own")
            # amqtt sends it twice: at the connection because others subscribed, and at b's own subscription.
            assert set(b.received) == {("edgeyard/v1/plant/press-b/desired", b"7")}
            assert a.received == []


def test_an_operator_reads_and_writes_nothing(site: Site) -> None:
    with site.probe(site.hub, "hub.main") as hub, site.probe(site.operator, "operator.anna") as operator:
        assert all_connected(hub, operator)
        hub.subscribe("edgeyard/v1/plant/#")
        operator.subscribe("spBv1.0/plant/#")
        operator.publish("edgeyard/v1/plant/press-a/desired", b"forged", retain=True)
        hub.publish("spBv1.0/plant/NCMD/press-a", b"rebirth")
        eventually(lambda: operator.payloads("spBv1.0/plant/NCMD/press-a"), what="operator reads")
        assert hub.received == []


def test_a_revoked_device_may_do_nothing_any_more(site: Site) -> None:
    with (
        site.probe(site.hub, "hub.main") as hub,
        site.probe(site.a, "press-a") as a,
        site.probe(site.b, "press-b") as b,
    ):
        assert all_connected(hub, a, b)
        hub.subscribe("edgeyard/v1/plant/+/records")
        a.publish(A_RECORDS, b"before")
        eventually(lambda: hub.payloads(A_RECORDS), what="heard before")
        site.supervisor.set_access(["operator.anna"], ["press-a"])

        def refused() -> bool:
            count, seen = len(hub.payloads(A_RECORDS)), len(hub.payloads(B_RECORDS))
            a.publish(A_RECORDS, b"after")
            b.publish(B_RECORDS, b"marker")
            eventually(lambda: len(hub.payloads(B_RECORDS)) > seen, what="marker")
            return len(hub.payloads(A_RECORDS)) == count

        eventually(refused, what="revocation in force")


def test_the_will_of_a_device_that_dies_is_heard(site: Site) -> None:
    with site.probe(site.hub, "hub.main") as hub:
        assert hub.wait_connected()
        hub.subscribe("spBv1.0/plant/NDEATH/+")
        a = site.probe(site.a, "press-a")
        a.client.will_set("spBv1.0/plant/NDEATH/press-a", b"dead", qos=1)
        a.__enter__()
        assert a.wait_connected()
        a.cut()
        eventually(lambda: hub.payloads("spBv1.0/plant/NDEATH/press-a") == [b"dead"], what="will")


def test_a_forged_will_is_not_heard(site: Site) -> None:
    with site.probe(site.hub, "hub.main") as hub:
        assert hub.wait_connected()
        hub.subscribe("spBv1.0/plant/NDEATH/+")
        a = site.probe(site.a, "press-a")
        a.client.will_set("spBv1.0/plant/NDEATH/press-b", b"forged", qos=1)
        a.__enter__()
        if a.wait_connected(2):
            a.cut()
        else:
            a.__exit__()
        with site.probe(site.b, "press-b") as b:
            assert b.wait_connected()
            b.publish("spBv1.0/plant/NDEATH/press-b", b"honest")
            eventually(lambda: hub.payloads("spBv1.0/plant/NDEATH/press-b"), what="marker")
        assert hub.payloads("spBv1.0/plant/NDEATH/press-b") == [b"honest"]


def test_a_killed_broker_is_started_again(site: Site) -> None:
    pid = site.broker_pid()
    with site.probe(site.hub, "hub.main") as hub:
        assert hub.wait_connected()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: any(state == "down" for state, _, _ in site.reports), what="said to be down")
        eventually(lambda: port_answers("127.0.0.1", site.port) and site.broker_pid() != pid, what="up again")
        eventually(hub.connected.is_set, what="client is back")
    eventually(lambda: site.reports[-1][0] == "ok", what="said to be up")


def test_stopping_ends_the_broker(site: Site) -> None:
    pid = site.broker_pid()
    site.supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert not (site.folder.broker / "broker.pid").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's word is Linux's")
@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_the_broker_ends_with_a_hub_that_is_killed(kind: str, tmp_path: Path) -> None:
    site = Site(tmp_path / "site", kind)
    program = (
        "import sys, time, threading\n"
        "from pathlib import Path\n"
        "from edgeyard.commands.settings import Settings\n"
        "from edgeyard.commands.site_folder import SiteFolder\n"
        "from edgeyard.hub.broker import *\n"
        "folder, kind, port, ca, cert, key = sys.argv[1:]\n"
        "plan = plan_broker(Settings(site='plant', mqtt_port=int(port), broker=kind))\n"
        "s = BrokerSupervisor(plan, SiteFolder(Path(folder)), BrokerFiles(Path(ca), Path(cert), Path(key)),\n"
        "                     'plant', 'hub.main', lambda *w: print(*w, flush=True))\n"
        "s.set_access([], []); s.start(); time.sleep(60)\n"
    )
    files = [site.files.ca, site.files.certificate, site.files.key]
    command: list[str | Path] = [sys.executable, "-c", program, site.folder.root, kind, str(site.port), *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as hub:
        assert hub.stdout is not None
        assert hub.stdout.readline().startswith(b"ok")
        broker = next(child for child in psutil.Process(hub.pid).children())
        hub.kill()
        eventually(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, what="broker gone")


def test_a_stale_broker_is_ended_and_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    pid_file = tmp_path / "broker.pid"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stale:
        started_at = psutil.Process(stale.pid).create_time()
        pid_file.write_text(f'{{"pid": {stale.pid}, "started_at": {started_at - 100}}}')
        assert end_stale_child(pid_file) is None
        assert stale.poll() is None
        pid_file.write_text(f'{{"pid": {stale.pid}, "started_at": {started_at}}}')
        assert end_stale_child(pid_file) == stale.pid
        assert not psutil.pid_exists(stale.pid)
    assert not pid_file.exists()
    pid_file.write_text("{")
    assert end_stale_child(pid_file) is None


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_a_port_in_use_is_said_with_what_to_do_and_tried_again(kind: str, tmp_path: Path) -> None:
    site = Site(tmp_path / "site", kind)
    try:
        with port_taken(site.port):
            site.supervisor.start()
            state, text, todo = eventually(lambda: site.reports and site.reports[-1], what="a report")
            assert state == "down"
            assert str(site.port) in text
            assert f"process {os.getpid()}" in text
            assert "mqtt_port" in todo
            assert str(site.folder.settings_file) in todo
        eventually(lambda: site.reports[-1][0] == "ok", what="started after all")
    finally:
        site.supervisor.stop()


def test_the_embedded_broker_refuses_a_packet_that_is_too_large(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", "embedded")
    site.start()
    try:
        with site.probe(site.hub, "hub.main") as hub, site.probe(site.a, "press-a") as a:
            assert all_connected(hub, a)
            hub.subscribe("edgeyard/v1/plant/+/records")
            dropped = threading.Event()
            a.client.on_disconnect = lambda *_: dropped.set()
            a.client.publish(A_RECORDS, b"x" * 300_000, qos=1)
            assert dropped.wait(10)
            assert hub.received == []
    finally:
        site.supervisor.stop()


def test_the_embedded_broker_refuses_a_client_id_of_another(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", "embedded")
    site.start()
    try:
        with MqttProbe(site.port, site.b, "press-b:1") as b:
            assert b.wait_connected()
            with MqttProbe(site.port, site.a, "press-b:1") as thief:
                assert thief.refused.wait(10)
                assert not thief.connected.is_set()
            assert b.connected.is_set()
    finally:
        site.supervisor.stop()


def test_an_external_broker_is_taken_from_the_settings() -> None:
    plan = plan_broker(Settings(broker="mqtts://broker.plant.lan:8884"))
    assert plan == BrokerPlan("external", "broker.plant.lan", 8884)
