"""Small parts of the hub: ports and addresses, statuses, Mosquitto's settings, the index of what is released."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from edgeyard.commands.settings import Settings
from edgeyard.domain.error import UserError
from edgeyard.hub.broker import plan_broker
from edgeyard.hub.embedded_config import AccessFile, AccessList
from edgeyard.hub.mosquitto import check_folder, mosquitto_config, rotate_log
from edgeyard.hub.network_port import certificate_hosts, listen_host, local_host, port_is_free, reachable_host
from edgeyard.hub.release_desk import TargetIndex
from edgeyard.hub.status_board import BROKER_LINK, BROKER_PROCESS, StatusBoard
from edgeyard.trust.durable_file import write_durably
from edgeyard.trust.target import ReleaseTarget


@pytest.mark.parametrize(
    ("host", "listens", "told"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1", "localhost"),
        ("hub.plant.lan", "", "hub.plant.lan"),
        ("0.0.0.0", "", socket.gethostname()),
        ("192.168.1.5", "192.168.1.5", "192.168.1.5"),
    ],
)
def test_a_name_is_listened_for_on_every_interface_and_an_address_on_its_own(
    host: str, listens: str, told: str
) -> None:
    assert listen_host(host) == listens
    assert reachable_host(host) == told
    assert local_host(host) == (listens or "127.0.0.1")
    assert told in certificate_hosts(host)


def test_a_port_in_use_is_noticed_even_by_a_listener_that_allows_reuse() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
    assert port_is_free("127.0.0.1", port)


def test_the_worst_voice_is_shown_and_the_cause_before_the_symptom() -> None:
    board = StatusBoard(lease=None)  # type: ignore[arg-type]
    assert board.get("broker").state == "warning"
    board.set("broker", "ok", "up", voice=BROKER_PROCESS)
    board.set("broker", "down", "cannot be reached", voice=BROKER_LINK)
    assert board.get("broker").text == "cannot be reached"
    board.set("broker", "down", "port in use", voice=BROKER_PROCESS)
    assert board.get("broker").text == "port in use"
    board.set("broker", "ok", "up", voice=BROKER_PROCESS)
    board.set("broker", "ok", "connected", voice=BROKER_LINK)
    assert board.get("broker").state == "ok"


def test_the_embedded_broker_serves_whom_its_list_names_and_follows_its_changes(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    path.write_bytes(msgspec.json.encode(AccessList("hub.main", frozenset({"operator.anna"}), frozenset({"press-x"}))))
    access = AccessFile(path)
    assert access.allows("hub", "hub.main")
    assert not access.allows("hub", "hub.broker")
    assert access.allows("operator", "operator.anna")
    assert not access.allows("operator", "operator.bert")
    assert access.allows("device", "press-a")
    assert not access.allows("device", "press-x")
    assert not access.allows("stranger", "press-a")
    write_durably(path, msgspec.json.encode(AccessList("hub.main", frozenset({"operator.bert"}))))
    assert access.allows("operator", "operator.bert")
    assert not access.allows("operator", "operator.anna")
    assert access.allows("device", "press-x")


def _config(folder: Path, *, as_root: bool) -> str:
    return mosquitto_config(
        host="127.0.0.1",
        port=8883,
        folder=folder,
        acl_file=folder / "acl",
        ca_file=folder / "ca.pem",
        certificate_file=folder / "server.pem",
        key_file=folder / "server.key",
        log_file=folder / "broker.log",
        as_root=as_root,
    )


def test_mosquitto_is_told_to_lose_nothing_and_let_nobody_in_unknown(tmp_path: Path) -> None:
    lines = _config(tmp_path, as_root=False).splitlines()
    for line in (
        "allow_anonymous false",
        "require_certificate true",
        "use_identity_as_username true",
        "max_inflight_messages 2000",
        "max_queued_messages 200000",
        "listener 8883 127.0.0.1",
    ):
        assert line in lines
    assert "user root" not in lines
    assert "user root" in _config(tmp_path, as_root=True).splitlines()


def test_a_path_cannot_smuggle_a_line_into_the_settings(tmp_path: Path) -> None:
    check_folder(tmp_path / "Größe und Maß")
    with pytest.raises(UserError, match="line break"):
        check_folder(tmp_path / "a\nallow_anonymous true")


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_bytes(b"x" * 100)
    rotate_log(log)
    assert log.exists()
    log.write_bytes(b"x" * (9 << 20))
    rotate_log(log)
    assert not log.exists()
    assert (tmp_path / "broker.1.log").exists()


@pytest.mark.parametrize("url", ["mqtts://user:secret@broker:8883", "mqtts://broker:99999", "mqtts://:8883"])
def test_broker_addresses_that_cannot_work_are_refused(url: str) -> None:
    with pytest.raises(UserError):
        plan_broker(Settings(broker=url))


def test_mosquitto_that_is_asked_for_and_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeyard.hub.broker.find_mosquitto", lambda: None)
    assert plan_broker(Settings()).kind == "embedded"
    with pytest.raises(UserError, match="not on this machine"):
        plan_broker(Settings(broker="mosquitto"))


def test_a_digest_is_found_by_the_preferred_version_else_by_the_newest() -> None:
    index = TargetIndex(
        [
            ReleaseTarget("yard/1/fp32.onnx", "a" * 64, 1, {"counter": 1}),
            ReleaseTarget("yard/2/fp32.onnx", "a" * 64, 1, {"counter": 2}),
            ReleaseTarget("yard/3/fp32.onnx", "b" * 64, 1, {"counter": 3}),
        ]
    )
    assert index.path_of("a" * 64, "yard/1/") == "yard/1/fp32.onnx"
    assert index.path_of("a" * 64, "yard/9/") == "yard/2/fp32.onnx"
    assert index.path_of("c" * 64, "yard/1/") is None
    assert index.digests == {"a" * 64, "b" * 64}
