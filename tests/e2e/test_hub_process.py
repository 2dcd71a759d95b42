"""The hub as a process: first start, stop, being killed, waiting for another hub, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from edgeyard.commands.settings import save_settings
from edgeyard.store.lease import current_holder, statuses
from edgeyard.store.record import watermark
from edgeyard.trust.join_token import JoinToken
from edgeyard.wire.message import DeviceEvent
from tests.e2e.hub_parts import eventually, port_taken
from tests.e2e.hub_process import DeviceProbe, HubProcess, HubSite, Operator
from tests.services import require

pytestmark = [pytest.mark.e2e]


@pytest.fixture(params=["mosquitto", "embedded"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> HubSite:
    if request.param == "mosquitto":
        require("mosquitto")
    return HubSite(tmp_path / "site", broker=request.param)


@pytest.fixture
def embedded(tmp_path: Path) -> HubSite:
    return HubSite(tmp_path / "site", broker="embedded")


def _children(hub: HubProcess) -> list[psutil.Process]:
    return psutil.Process(hub.process.pid).children(recursive=True)


def test_a_first_start_makes_the_site_and_says_ready(site: HubSite) -> None:
    with HubProcess(site) as hub:
        ready = hub.ready()
        assert ready == {
            "event": "ready",
            "https_port": site.settings.https_port,
            "mqtt_port": site.settings.mqtt_port,
            "broker": site.settings.broker,
        }
        token_file = site.folder.first_token_file
        assert JoinToken.decode(token_file.read_text()).role == "operator"
        assert token_file.stat().st_mode & 0o777 == 0o600
        for name in ("ca.key", "server.key", "snapshot.key", "timestamp.key", "director.key"):
            assert (site.folder.hub / name).stat().st_mode & 0o777 == 0o600

        def shown() -> dict[str, str]:
            with site.database().read() as c:
                return {status.component: status.state for status in statuses(c)}

        eventually(lambda: shown() == {"hub": "ok", "broker": "ok", "database": "ok"}, what="all well")
        children = _children(hub)
        assert len(children) == 1
        assert hub.stop() == 0
        assert not any(child.is_running() for child in children)
        assert shown() == {"hub": "down", "broker": "down", "database": "ok"}


def test_the_hub_ends_when_its_parent_closes_its_input(embedded: HubSite) -> None:
    hub = HubProcess(embedded)
    hub.ready()
    children = _children(hub)
    assert hub.process.stdin is not None
    hub.process.stdin.close()
    assert hub.process.wait(15) == 0
    assert not any(child.is_running() for child in children)
    hub.stop()


def test_a_killed_hub_leaves_no_broker_and_starts_again_at_once(site: HubSite) -> None:
    hub = HubProcess(site)
    hub.ready()
    children = _children(hub)
    hub.kill()
    eventually(lambda: not any(child.is_running() for child in children), what="broker gone")
    with HubProcess(site) as again:
        assert again.events.get(timeout=30)["event"] == "ready", "the killed hub's lease was waited for"


def test_records_survive_kills_of_hub_and_broker(site: HubSite) -> None:
    hub = HubProcess(site)
    hub.ready()
    operator = Operator(site)
    operator.set_root()
    device = DeviceProbe(site, operator.tokens()[0], "press-7")
    device.connect()
    device.wait_acknowledged(device.send(DeviceEvent("info", "test", "first")))
    for broker in _children(hub):
        broker.kill()
    eventually(lambda: not device.probe.connected.is_set(), what="connection broke")
    eventually(device.probe.connected.is_set, what="broker is back")
    _subscribe_again(device)
    _send_until_acknowledged(device)
    hub.kill()
    eventually(lambda: not device.probe.connected.is_set(), what="connection broke")
    with HubProcess(site) as again:
        again.ready()
        eventually(device.probe.connected.is_set, what="broker is back")
        _subscribe_again(device)
        _send_until_acknowledged(device)
        with site.database().read() as c:
            assert watermark(c, "press-7") == {1: device.seq}
    device.disconnect()


def _subscribe_again(device: DeviceProbe) -> None:
    device.probe.subscribe("edgeyard/v1/plant/press-7/ack")


def _send_until_acknowledged(device: DeviceProbe) -> None:
    """As an agent does: the same record again until the hub has answered."""
    seq = device.send(DeviceEvent("info", "test", "again"))

    def acknowledged() -> bool:
        if device.acknowledged() < seq:
            device.seq = seq - 1
            device.send(DeviceEvent("info", "test", "again"))
            time.sleep(0.3)
        return device.acknowledged() >= seq

    eventually(acknowledged, what="acknowledged")


def test_a_second_hub_waits_and_takes_over(embedded: HubSite) -> None:
    first = HubProcess(embedded)
    first.ready()
    with HubProcess(embedded) as second:
        waiting = second.wait_event("waiting")
        assert waiting["active_on"]
        time.sleep(1)
        assert second.events.empty()
        first.kill()
        second.ready()
        with embedded.database().read() as c:
            assert current_holder(c, "hub", time.time())


def test_a_frozen_hub_stops_writing_when_another_took_over(embedded: HubSite) -> None:
    first = HubProcess(embedded)
    first.ready()
    with HubProcess(embedded) as second:
        second.wait_event("waiting")
        brokers = _children(first)
        first.process.send_signal(signal.SIGSTOP)
        eventually(lambda: _holder(embedded).endswith("/unlocked"), 20, "the second hub has the lease")
        # The frozen hub still holds both ports; it has to notice by itself and leave them.
        first.process.send_signal(signal.SIGCONT)
        second.wait_event("ready", 30)
        first.wait_event("waiting", 30)
        assert not any(broker.is_running() for broker in brokers)
        assert first.stop() == 0


def _holder(site: HubSite) -> str:
    with site.database().read() as c:
        holder = current_holder(c, "hub", time.time())
    return holder[0] if holder else ""


@pytest.mark.parametrize("port", ["https_port"])
def test_an_https_port_in_use_is_one_clear_line(embedded: HubSite, port: str) -> None:
    number = getattr(embedded.settings, port)
    with port_taken(number), HubProcess(embedded) as hub:
        assert hub.process.wait(20) == 2
        line = hub.errors.read_text()
        assert line.count("\n") == 1
        assert str(number) in line
        assert port in line
    with embedded.database().read() as c:
        shown = {status.component: status for status in statuses(c)}
    assert shown["hub"].state == "down"
    assert str(number) in shown["hub"].text


def test_a_broker_port_in_use_is_shown_and_tried_again(site: HubSite) -> None:
    def broker() -> tuple[str, str, str]:
        with site.database().read() as c:
            found = [status for status in statuses(c) if status.component == "broker"]
        return (found[0].state, found[0].text, found[0].todo) if found else ("", "", "")

    with HubProcess(site) as hub:
        with port_taken(site.settings.mqtt_port):
            hub.ready()
            eventually(lambda: str(site.settings.mqtt_port) in broker()[1], what="port named")
            assert "mqtt_port" in broker()[2]
        eventually(lambda: broker()[0] == "ok", what="broker after all")


def test_broken_settings_are_one_clear_line(embedded: HubSite) -> None:
    embedded.folder.settings_file.write_text('https_port = "many"\n')
    with HubProcess(embedded) as hub:
        assert hub.process.wait(20) == 2
        line = hub.errors.read_text()
        assert line.count("\n") == 1
        assert "settings.toml" in line
        assert "https_port" in line


def test_a_site_that_lost_its_keys_is_not_given_new_ones(embedded: HubSite) -> None:
    with HubProcess(embedded) as hub:
        hub.ready()
    (embedded.folder.hub / "ca.key").unlink()
    with HubProcess(embedded) as hub:
        assert hub.process.wait(20) == 2
        assert "ca.key" in hub.errors.read_text()
    assert not (embedded.folder.hub / "ca.key").exists()


def test_a_database_of_another_site_is_refused(embedded: HubSite) -> None:
    with HubProcess(embedded) as hub:
        hub.ready()
    text = embedded.folder.settings_file.read_text()
    embedded.folder.settings_file.write_text(text.replace('site = "plant"', 'site = "other"'))
    with HubProcess(embedded) as hub:
        assert hub.process.wait(20) == 2
        assert "'plant'" in hub.errors.read_text()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    from tests.postgres import temporary_postgres

    with temporary_postgres() as url:
        yield url


def test_the_hub_runs_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    site = HubSite(tmp_path / "site", broker="embedded", database_url=postgres_url)
    with HubProcess(site) as hub:
        hub.ready()
        operator = Operator(site)
        operator.set_root()
        device = DeviceProbe(site, operator.tokens()[0], "press-7")
        device.connect()
        device.birth(latency_p50_ms=3.0)
        device.wait_acknowledged(device.send(DeviceEvent("info", "test", "first"), device.running("")))
        device.disconnect()
        hub.kill()
    with HubProcess(site) as hub:
        hub.ready()
        assert hub.stop() == 0


def test_a_locked_database_makes_the_hub_wait_and_lose_nothing(embedded: HubSite) -> None:
    with HubProcess(embedded) as hub:
        hub.ready()
        operator = Operator(embedded)
        operator.set_root()
        device = DeviceProbe(embedded, operator.tokens()[0], "press-7")
        device.connect()
        device.wait_acknowledged(device.send(DeviceEvent("info", "test", "before")))
        locker = sqlite3.connect(embedded.folder.database_file, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        seq = device.send(DeviceEvent("info", "test", "while locked"))
        time.sleep(13)  # longer than the database's patience and than the lease
        assert device.acknowledged() < seq
        locker.execute("ROLLBACK")
        locker.close()
        device.wait_acknowledged(seq)
        device.disconnect()
        assert hub.process.poll() is None
        assert hub.events.empty()


def test_the_hub_works_with_a_broker_that_is_run_elsewhere(tmp_path: Path) -> None:
    program = require("mosquitto")
    site = HubSite(tmp_path / "site", broker="mosquitto")
    with HubProcess(site) as hub:
        hub.ready()  # makes the site's keys, and the files a broker needs
    broker_folder = site.folder.broker
    elsewhere = subprocess.Popen([program, "-c", broker_folder / "mosquitto.conf"], stdout=subprocess.DEVNULL)
    try:
        settings = site.settings
        site.settings = msgspec.structs.replace(settings, broker=f"mqtts://127.0.0.1:{settings.mqtt_port}")
        save_settings(site.folder.settings_file, site.settings)
        with HubProcess(site) as hub:
            assert hub.ready()["broker"] == "external"
            assert not _children(hub)
            operator = Operator(site)
            operator.set_root()
            device = DeviceProbe(site, operator.tokens()[0], "press-7")
            device.connect()
            device.wait_acknowledged(device.send(DeviceEvent("info", "test", "first")))
            device.disconnect()
            elsewhere.kill()
            elsewhere.wait()

            def broker() -> str:
                with site.database().read() as c:
                    return next(status.state for status in statuses(c) if status.component == "broker")

            eventually(lambda: broker() == "down", what="broker shown as down")
            assert hub.process.poll() is None
    finally:
        elsewhere.kill()
        elsewhere.wait()


def test_the_log_is_readable_and_tells_the_start(embedded: HubSite) -> None:
    with HubProcess(embedded) as hub:
        hub.ready()
    words = (embedded.folder.logs / "hub.log").read_text()
    assert "Ready" in words
    assert "Traceback" not in words
    assert json.dumps("secret") not in words
    assert os.sep in words
