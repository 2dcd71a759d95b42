"""What stands between a TLS connection and amqtt: everything amqtt 0.12 would let through.

amqtt reads packets of up to 256 MB into memory, ends another client's session before it knows who is calling, publishes
a will without asking its topic plugins, sends a newly connected client the retained messages of everyone's
subscriptions, and never drops a client that went silent. The gate bounds packets, ties the client id and the will to
the certificate, drops what the client may not read, and turns a missed keep-alive into a closed connection.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import struct
from collections.abc import Callable
from typing import cast

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter

from edgeyard.hub.topic_access import client_id_belongs
from edgeyard.wire.limit import MAX_RECORDS_MESSAGE_BYTES

_log = logging.getLogger(__name__)
_MAX_PACKET_BYTES = 2 * MAX_RECORDS_MESSAGE_BYTES
_FIRST_PACKET_TIMEOUT_S = 10.0
_KEEP_ALIVE_PATIENCE = 1.5
"""MQTT 3.1.1, section 3.1.2.10: a server closes the connection after one and a half keep-alive periods."""
_CONNECT, _PUBLISH = 1, 3
_WILL_FLAG = 0x04
_IDENTIFIER_REJECTED = b"\x20\x02\x00\x02"


class PacketReader(ReaderAdapter):  # type: ignore[misc]
    """Feeds amqtt whole, bounded packets, the first of which must be an acceptable CONNECT."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        name: str,
        may_publish: Callable[[str], bool],
        refuse: Callable[[bytes], None],
    ) -> None:
        """`refuse` writes a last packet to the client before its connection ends."""
        self._reader = reader
        self._name = name
        self._may_publish = may_publish
        self._refuse = refuse
        self._buffer = bytearray()
        self._patience_s: float | None = _FIRST_PACKET_TIMEOUT_S
        self._heard_at = asyncio.get_running_loop().time()
        self._pending: asyncio.Task[bytes] | None = None
        self._connected = False
        self._ended = False

    async def read(self, n: int = -1) -> bytes:
        """`n` bytes of the current packet, reading the next one when it is used up; empty at the end."""
        while len(self._buffer) < n and not self._ended:
            await self._next_packet()
        if len(self._buffer) < n:
            return b""
        data = bytes(self._buffer[:n])
        del self._buffer[:n]
        return data

    def feed_eof(self) -> None:
        """Treat the connection as ended."""
        self._ended = True
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    async def _next_packet(self) -> None:
        # amqtt cancels a read after each keep-alive and reads again: the packet in hand must survive that, and the
        # client's silence is counted across.
        loop = asyncio.get_running_loop()
        if self._pending is None:
            self._pending = loop.create_task(_read_packet(self._reader))
        left_s = None if self._patience_s is None else max(0.0, self._heard_at + self._patience_s - loop.time())
        try:
            packet = await asyncio.wait_for(asyncio.shield(self._pending), left_s)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, ValueError) as error:
            if isinstance(error, ValueError):
                _log.warning("%s: %s; connection closed", self._name, error)
            self.feed_eof()
            return
        self._pending = None
        self._heard_at = loop.time()
        if not self._connected and not self._accept_connect(packet):
            self._ended = True
            return
        self._buffer += packet

    def _accept_connect(self, packet: bytes) -> bool:
        try:
            client_id, keep_alive_s, will_topic = parse_connect(packet)
        except (ValueError, struct.error, IndexError) as error:
            _log.warning("%s: first packet is no CONNECT (%s)", self._name, error)
            return False
        if not client_id_belongs(client_id, self._name):
            _log.warning("%s: refused the client id %r", self._name, client_id[:80])
            self._refuse(_IDENTIFIER_REJECTED)
            return False
        if will_topic is not None and not self._may_publish(will_topic):
            _log.warning("%s: refused a will on %r", self._name, will_topic[:200])
            return False
        self._patience_s = keep_alive_s * _KEEP_ALIVE_PATIENCE or None
        self._connected = True
        return True


class FilteredWriter(StreamWriterAdapter):  # type: ignore[misc]
    """Drops PUBLISH packets on topics the client may not receive from."""

    def __init__(self, writer: asyncio.StreamWriter, may_receive: Callable[[str], bool]) -> None:
        super().__init__(writer)
        self._may_receive = may_receive

    def write(self, data: bytes) -> None:
        """Write one packet; amqtt hands over a whole one at a time."""
        if data and data[0] >> 4 == _PUBLISH and not self._may_receive(publish_topic(data)):
            return
        super().write(data)

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """The TLS session, from which the plugin reads the certificate."""
        return cast("ssl.SSLObject | None", super().get_ssl_info())


def parse_connect(packet: bytes) -> tuple[str, int, str | None]:
    """Client id, keep-alive in seconds and will topic of a CONNECT; raises `ValueError` and kin when it is none."""
    if packet[0] >> 4 != _CONNECT:
        raise ValueError(f"packet type {packet[0] >> 4}")
    position = _body_start(packet)
    _, position = _text(packet, position)
    flags, keep_alive_s = struct.unpack_from("!xBH", packet, position)
    client_id, position = _text(packet, position + 4)
    will_topic = None
    if flags & _WILL_FLAG:
        will_topic, position = _text(packet, position)
    return client_id, keep_alive_s, will_topic


def publish_topic(packet: bytes) -> str:
    """The topic of a PUBLISH packet."""
    return _text(packet, _body_start(packet))[0]


async def _read_packet(reader: asyncio.StreamReader) -> bytes:
    head = bytearray(await reader.readexactly(1))
    length = 0
    for shift in range(0, 28, 7):
        byte = (await reader.readexactly(1))[0]
        head.append(byte)
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise ValueError("a packet length of more than four bytes")
    if length > _MAX_PACKET_BYTES:
        raise ValueError(f"a packet of {length} bytes is over {_MAX_PACKET_BYTES}")
    return bytes(head) + await reader.readexactly(length)


def _body_start(packet: bytes) -> int:
    position = 1
    while packet[position] >= 0x80:
        position += 1
    return position + 1


def _text(packet: bytes, position: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("!H", packet, position)
    end = position + 2 + length
    if end > len(packet):
        raise ValueError("text runs past the packet")
    return packet[position + 2 : end].decode(), end
