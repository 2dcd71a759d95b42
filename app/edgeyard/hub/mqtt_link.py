"""The hub's connection to the broker: receives into the inbox, publishes, and says where it stands.

Callbacks run in paho's network thread and must neither raise (that ends the thread) nor wait: they only append.
Received QoS 1 messages are acknowledged after they are committed, so that a broker keeps what the hub did not save.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edgeyard.hub.broker import BrokerPlan
from edgeyard.hub.inbox import Inbox, Message
from edgeyard.hub.network_port import local_host
from edgeyard.hub.server_identity import HUB_NAME, ServerIdentity
from edgeyard.hub.status_board import BROKER_LINK, StatusBoard
from edgeyard.trust.tls import client_context
from edgeyard.wire.topic import DURABLE, LIVE, host_state_topic

_KEEP_ALIVE_S = 20
_MAX_RECONNECT_DELAY_S = 5
_MAX_OUTGOING = 50_000
_log = logging.getLogger(__name__)


class MqttLink:
    """One client of the broker for one hub session."""

    def __init__(
        self,
        plan: BrokerPlan,
        identity: ServerIdentity,
        site: str,
        folder_id: str,
        inbox: Inbox,
        board: StatusBoard,
        clock: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._inbox = inbox
        self._board = board
        self._clock = clock
        self._state_topic = host_state_topic(site)
        self._filters = [
            (f"{LIVE}/{site}/NBIRTH/+", 0),
            (f"{LIVE}/{site}/NDATA/+", 0),
            (f"{LIVE}/{site}/NDEATH/+", 1),
            (f"{DURABLE}/{site}/+/records", 1),
            (self._state_topic, 1),
        ]
        self._session = 0
        self._connected = threading.Event()
        self._overflowed = False
        self.on_connected: Callable[[], None] = lambda: None
        """Called in the network thread after each connection; must only set a flag."""
        # amqtt loses a session's queue on restart and mixes up sessions that are taken over: a new one each time there.
        embedded = plan.kind == "embedded"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{HUB_NAME}:{secrets.token_hex(8) if embedded else folder_id}",
            clean_session=embedded,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._client.tls_set_context(client_context(identity.ca_file, identity.certificate_file, identity.key_file))
        # A broker of this hub is back within a second; one elsewhere is not hurried.
        self._client.reconnect_delay_set(1, _MAX_RECONNECT_DELAY_S if plan.kind == "external" else 1)
        self._client.max_queued_messages_set(_MAX_OUTGOING)
        self._client.max_inflight_messages_set(1000)
        self._client.will_set(self._state_topic, self._state(online=False), qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def connected(self) -> bool:
        """Whether the broker is there now."""
        return self._connected.is_set()

    def start(self) -> None:
        """Connect, and go on trying."""
        self._board.set("broker", "warning", "Connecting to the broker.", voice=BROKER_LINK)
        host = self._plan.host if self._plan.kind == "external" else local_host(self._plan.host)
        self._client.connect_async(host, self._plan.port, keepalive=_KEEP_ALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye (hosts that leave in order publish their state themselves) and disconnect."""
        if self.connected:
            self._client.publish(self._state_topic, self._state(online=False), qos=1, retain=True).wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait for the first connection."""
        return self._connected.wait(timeout_s)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Publish if the broker is there; `False` when it is not, and nothing is kept for later."""
        if not self.connected:
            return False
        return self._client.publish(topic, payload, qos=qos, retain=retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, message: Message) -> None:
        """Let the broker forget a message that is committed (or in the dead-letter table)."""
        if message.qos and message.session == self._session:
            self._client.ack(message.mid, message.qos)

    def catch_up(self) -> None:
        """After the inbox overflowed and was emptied: connect anew, so that the broker sends again what was refused."""
        if self._overflowed:
            self._overflowed = False
            _log.warning("The inbox was full and is empty again; asking the broker for what it still holds")
            connection = cast("socket.socket | None", self._client.socket())
            if connection is not None:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _state(self, *, online: bool) -> bytes:
        return msgspec.json.encode({"online": online, "timestamp": int(self._clock() * 1000)})

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._board.set("broker", "down", f"The broker refuses the hub: {reason}.", self._todo(), voice=BROKER_LINK)
            return
        self._session += 1
        client.subscribe(self._filters)
        client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
        self._connected.set()
        place = f"{self._plan.kind} at {self._plan.host}:{self._plan.port}"
        self._board.set("broker", "ok", f"Connected: {place}.", voice=BROKER_LINK)
        _log.info("Connected to the broker (%s), session %d", place, self._session)
        self.on_connected()

    def _on_connect_fail(self, *_: Any) -> None:
        place = f"{self._plan.host}:{self._plan.port}"
        self._board.set("broker", "down", f"The broker at {place} cannot be reached.", self._todo(), voice=BROKER_LINK)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connected.clear()
        if reason.is_failure:
            self._board.set("broker", "down", "The connection to the broker broke.", self._todo(), voice=BROKER_LINK)

    def _on_message(self, client: Client, _data: Any, received: MQTTMessage) -> None:
        if received.topic == self._state_topic:
            self._correct_state(client, received)
            return
        message = Message(
            self._session, received.mid, received.qos, received.topic, bytes(received.payload), self._clock()
        )
        if not self._inbox.put(message) and received.qos:
            self._overflowed = True

    def _correct_state(self, client: Client, received: MQTTMessage) -> None:
        """Another hub's last will may arrive after this one took over: say again that the host is there."""
        if received.qos:
            client.ack(received.mid, received.qos)
        if b'"online":false' in received.payload.replace(b" ", b"") and self.connected:
            client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)

    def _todo(self) -> str:
        if self._plan.kind == "external":
            return "Check that the broker of the settings runs, trusts the site's CA and allows the hub its topics."
        return "The hub starts it again; if this stays, look into log/broker.log in the site folder."
