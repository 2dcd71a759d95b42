"""The connection to the broker: MQTT 3.1.1, mutual TLS, one clean session at a time.

paho's thread only hands on what happens; it never decides. Each connection has its own session number (`bdSeq`), which
its last will and its birth share, as Sparkplug B demands.
"""

from __future__ import annotations

import random
import secrets
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.state_folder import Identity, StateFolder
from edgeyard.domain.error import UserError
from edgeyard.trust.tls import client_context
from edgeyard.wire.limit import MAX_LIVE_MESSAGE_BYTES
from edgeyard.wire.live import death_payload
from edgeyard.wire.sparkplug import encode_payload
from edgeyard.wire.topic import durable_topic, live_topic

KEEPALIVE_S = 15
MAX_IN_FLIGHT = 20
MAX_QUEUED = 100
_BD_SEQ_RANGE = 256


class Link:
    """Connects by itself, over and over, from `start` to `stop`.

    The loop calls `on_connected(bd_seq)` when the session is up and subscribed, `on_lost(reason)` when it is gone or
    could not be made, and `on_message(kind, payload)` with kind `ack`, `desired` or `NCMD`. Raises `UserError` when the
    device's own certificate is damaged.
    """

    def __init__(
        self,
        loop: EventLoop,
        folder: StateFolder,
        identity: Identity,
        bd_seq: int,
        clock: Callable[[], float],
        clock_is_behind: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._identity = identity
        self._bd_seq = bd_seq
        self._clock = clock
        self._clock_is_behind = clock_is_behind
        self.connected = False
        """As the loop knows it."""
        self.on_connected: Callable[[int], None] = lambda _: None
        self.on_lost: Callable[[str], None] = lambda _: None
        self.on_message: Callable[[str, bytes], None] = lambda _kind, _payload: None
        site, device = identity.site, identity.device
        self._topics = {
            live_topic(site, "NCMD", device): "NCMD",
            durable_topic(site, device, "ack"): "ack",
            durable_topic(site, device, "desired"): "desired",
        }
        self._context = _context(folder, ignore_time=False)
        self._strict = self._context.verify_flags
        self._lenient = _context(folder, ignore_time=True).verify_flags
        self._client = self._make_client()

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.connect_async(self._identity.mqtt_host, self._identity.mqtt_port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def check(self) -> None:
        """Start paho's thread again should it have ended; call it from time to time."""
        if self._client.loop_start() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lost("The MQTT client ended unexpectedly and was started again.")

    def stop(self) -> None:
        """Say that the device goes away by its own will, and disconnect."""
        if self.connected:
            # A will is not sent after an orderly disconnect.
            death = self.publish_live("NDEATH", self._death(), qos=1)
            if death is not None:
                death.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def publish_live(self, kind: str, payload: bytes, qos: int = 0) -> Any:
        """Publish on the live plane; `None` when it could not be sent."""
        return self._publish(live_topic(self._identity.site, kind, self._identity.device), payload, qos)

    def publish_records(self, payload: bytes) -> bool:
        """Publish a batch on the durable plane; whether it was taken, not whether it arrived."""
        return (
            self._publish(durable_topic(self._identity.site, self._identity.device, "records"), payload, 1) is not None
        )

    def _publish(self, topic: str, payload: bytes, qos: int) -> Any:
        if not self.connected:
            return None
        sent = self._client.publish(topic, payload, qos=qos)
        return sent if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            # The certificate's name, as the broker demands, and fresh, so that no two processes end each other.
            client_id=f"{self._identity.device}:{secrets.token_hex(4)}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.tls_set_context(self._context)
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.max_queued_messages_set(MAX_QUEUED)
        # Different for each device: a fleet does not come back in step after the broker was away.
        client.reconnect_delay_set(random.uniform(0.5, 2.0), random.uniform(10.0, 30.0))  # type: ignore[arg-type]
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _death(self) -> bytes:
        return encode_payload(death_payload(self._bd_seq, int(self._clock() * 1000)))

    # --- in paho's thread: hand on, never decide ---------------------------------------------------------------------

    def _on_pre_connect(self, client: Client, _data: Any) -> None:
        self._bd_seq = (self._bd_seq + 1) % _BD_SEQ_RANGE
        self._context.verify_flags = self._lenient if self._clock_is_behind() else self._strict
        client.will_set(live_topic(self._identity.site, "NDEATH", self._identity.device), self._death(), qos=1)

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._loop.post(partial(self._lost, f"The broker refused the device ({reason})."))
            return
        client.subscribe([(topic, 1) for topic in self._topics])
        self._loop.post(partial(self._up, self._bd_seq))

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._loop.post(partial(self._lost, "The broker cannot be reached."), droppable=True)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._loop.post(partial(self._lost, f"The connection to the broker was lost ({reason})."))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        kind = self._topics.get(message.topic)
        if kind is not None and len(message.payload) <= MAX_LIVE_MESSAGE_BYTES:
            self._loop.post(partial(self._heard, kind, bytes(message.payload)), droppable=True)

    # --- in the loop -------------------------------------------------------------------------------------------------

    def _up(self, bd_seq: int) -> None:
        self.connected = True
        self.on_connected(bd_seq)

    def _lost(self, reason: str) -> None:
        self.connected = False
        self.on_lost(reason)

    def _heard(self, kind: str, payload: bytes) -> None:
        self.on_message(kind, payload)


def _context(folder: StateFolder, *, ignore_time: bool) -> ssl.SSLContext:
    """Raises `UserError` where the device's own files are damaged: then nobody can be reached."""
    try:
        return client_context(folder.ca_file, folder.certificate_file, folder.key_file, ignore_time=ignore_time)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The device's key, certificate or authority cannot be used ({error}).",
            f"Restore {folder.key_file.name}, {folder.certificate_file.name} and {folder.ca_file.name} from a backup, "
            f"or empty {folder.root} and join again with a new token.",
        ) from error
