"""The gate in front of the embedded broker: bounded packets, an honest CONNECT, nothing that is not for the client."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.hub.embedded_gate import PacketReader, parse_connect, publish_topic


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind: int, body: bytes) -> bytes:
    length, encoded = len(body), bytearray()
    while True:
        byte = length & 0x7F
        length >>= 7
        encoded.append(byte | (0x80 if length else 0))
        if not length:
            return bytes([kind << 4]) + bytes(encoded) + body


def connect(client_id: str, keep_alive_s: int = 60, will: str | None = None) -> bytes:
    flags = 0x02 | (0x04 if will is not None else 0)
    body = text("MQTT") + bytes([4, flags]) + struct.pack("!H", keep_alive_s) + text(client_id)
    if will is not None:
        body += text(will) + text("dead")
    return packet(1, body)


def read_all(
    data: bytes, count: int, *, end: bool = True, may: Callable[[str], bool] = lambda _: True
) -> tuple[Any, ...]:
    """What the gate lets through of `data`: the first `count` bytes it gives, and what it answered the client."""

    async def run() -> tuple[bytes, list[bytes]]:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        if end:
            stream.feed_eof()
        answers: list[bytes] = []
        gate = PacketReader(stream, "press-a", may, answers.append)
        got = await gate.read(count)
        gate.feed_eof()
        return got, answers

    return asyncio.run(run())


def test_an_honest_connect_passes_whole() -> None:
    data = connect("press-a:1", will="spBv1.0/plant/NDEATH/press-a")
    assert read_all(data, len(data)) == (data, [])


def test_a_foreign_client_id_is_refused_and_told() -> None:
    data = connect("press-b")
    assert read_all(data, len(data)) == (b"", [b"\x20\x02\x00\x02"])


def test_a_forged_will_is_refused() -> None:
    data = connect("press-a", will="spBv1.0/plant/NDEATH/press-b")
    assert read_all(data, len(data), may=lambda topic: topic.endswith("press-a")) == (b"", [])


def test_something_else_than_connect_is_refused() -> None:
    data = packet(3, text("edgeyard/v1/plant/press-a/records") + b"early")
    assert read_all(data, 1) == (b"", [])


def test_a_packet_that_is_too_large_ends_the_connection_before_it_is_read() -> None:
    data = connect("press-a") + packet(3, b"x" * 200_000)
    first = connect("press-a")
    assert read_all(data, len(first) + 1) == (b"", [])


def test_a_length_of_five_bytes_ends_the_connection() -> None:
    assert read_all(b"\x10\xff\xff\xff\xff\x01", 1) == (b"", [])


def test_a_client_that_misses_its_keep_alive_is_dropped() -> None:
    async def run() -> float:
        stream = asyncio.StreamReader()
        stream.feed_data(connect("press-a", keep_alive_s=1))
        gate = PacketReader(stream, "press-a", lambda _: True, lambda _: None)
        await gate.read(len(connect("press-a", keep_alive_s=1)))
        begun = asyncio.get_running_loop().time()
        # amqtt cancels and repeats its read after each keep-alive; the silence has to be counted across.
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(gate.read(1), 1.0)
        assert await gate.read(1) == b""
        return asyncio.get_running_loop().time() - begun

    assert 1.4 < asyncio.run(run()) < 3


def test_a_packet_in_hand_survives_a_cancelled_read() -> None:
    async def run() -> bytes:
        stream = asyncio.StreamReader()
        stream.feed_data(connect("press-a"))
        gate = PacketReader(stream, "press-a", lambda _: True, lambda _: None)
        await gate.read(len(connect("press-a")))
        publish = packet(3, text("t") + b"payload")
        stream.feed_data(publish[:4])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(gate.read(1), 0.05)
        stream.feed_data(publish[4:])
        got = await gate.read(len(publish))
        gate.feed_eof()
        assert got == publish
        return got

    assert publish_topic(asyncio.run(run())) == "t"


@given(st.binary(max_size=60))
def test_no_bytes_make_the_parser_do_anything_but_refuse(data: bytes) -> None:
    try:
        parse_connect(b"\x10" + data)
    except (ValueError, struct.error, IndexError):
        return


@given(st.text(max_size=30), st.integers(0, 65535), st.none() | st.text(max_size=30))
def test_a_connect_is_read_back(client_id: str, keep_alive_s: int, will: str | None) -> None:
    assert parse_connect(connect(client_id, keep_alive_s, will)) == (client_id, keep_alive_s, will)
