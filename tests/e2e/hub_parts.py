"""What tests of the hub share: keys of a little site, MQTT clients that remember."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgeyard.trust.device_key import create_private_key, make_csr
from edgeyard.trust.site_ca import CaMaterial, create_ca, issue_certificate
from edgeyard.trust.tls import client_context

HOSTS = ("localhost", "127.0.0.1")


def now_utc() -> datetime:
    """The time as `trust` wants it."""
    return datetime.now(UTC)


def eventually(condition: Callable[[], Any], timeout_s: float = 15.0, what: str = "") -> Any:
    """Wait until `condition()` is true and return it; fail the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what or condition}")


@dataclass(frozen=True)
class Credentials:
    """Files of one certificate, and whom its bearer believes."""

    certificate: Path
    key: Path
    ca: Path


class Pki:
    """A certificate authority of its own in a folder."""

    def __init__(self, folder: Path, ca: CaMaterial | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = ca or create_ca("test", datetime.now(UTC))
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(self.ca.certificate_pem)

    def issue(self, name: str, role: str, days: int = 30) -> Credentials:
        key_pem = create_private_key()
        now = datetime.now(UTC)
        hosts = HOSTS if role == "hub" else ()
        pem = issue_certificate(self.ca, make_csr(key_pem, name), name, role, hosts, now, days)  # type: ignore[arg-type]
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_text(pem)
        key.write_bytes(key_pem)
        return Credentials(certificate, key, self.ca_file)


class MqttProbe:
    """A raw MQTT client that keeps what it receives."""

    def __init__(self, port: int, credentials: Credentials, client_id: str, *, certificate: bool = True) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.granted: list[int] = []
        self.connected = threading.Event()
        self.refused = threading.Event()
        self._published: set[int] = set()
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv311, clean_session=True
        )
        files = (credentials.certificate, credentials.key) if certificate else ()
        self.client.tls_set_context(client_context(credentials.ca, *files))
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.connected.clear()
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.granted.extend(code.value for code in codes)
        self.port = port

    def __enter__(self) -> Self:
        self.client.connect("127.0.0.1", self.port, keepalive=10)
        self.client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def wait_connected(self, timeout_s: float = 10.0) -> bool:
        return self.connected.wait(timeout_s)

    def cut(self) -> None:
        """Break the connection without a word, as a device that lost its power."""
        self.client.loop_stop()
        connection = cast("socket.socket | None", self.client.socket())
        assert connection is not None
        connection.shutdown(socket.SHUT_RDWR)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        before = len(self.granted)
        self.client.subscribe(topic, qos)
        eventually(lambda: len(self.granted) > before, what=f"subscribed to {topic}")

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for name, payload in self.received if name == topic]

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        (self.refused if reason.is_failure else self.connected).set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.received.append((message.topic, bytes(message.payload)))


def all_connected(*probes: MqttProbe) -> bool:
    """Whether everyone has a session within ten seconds."""
    return all(probe.wait_connected() for probe in probes)


@contextlib.contextmanager
def port_taken(port: int) -> Iterator[None]:
    """Somebody else's program on a port."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        yield
