"""The pure-Python broker for machines without Mosquitto: amqtt in a process of its own.

Run as `python -m edgeyard.hub.embedded_broker CONFIG` by the hub. It serves a demo or a bench of some dozens of
devices: about a thirtieth of Mosquitto's throughput, MQTT 3.1.1 only, and a restart loses queued and retained messages,
for which the hub publishes retained hints again and agents send again what was not acknowledged.

It ends when its standard input closes, that is with its hub; on Linux the kernel sees to it as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from amqtt.broker import Broker

from edgeyard.hub.embedded_config import AccessFile, EmbeddedConfig
from edgeyard.hub.embedded_gate import FilteredWriter, PacketReader
from edgeyard.hub.topic_access import may_publish, may_receive
from edgeyard.trust.tls import peer_role, server_context

EXIT_PORT_IN_USE = 98
_LISTENER = "site"
_TLS_HANDSHAKE_TIMEOUT_S = 10.0
_log = logging.getLogger(__name__)


class SteadyDict(dict[str, Any]):
    """A dictionary that may change while it is iterated over: iterations see it as it was when they began."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))

    def items(self) -> Any:
        """A list of the pairs there are now."""
        return list(super().items())


def steady_subscriptions(broker: Broker) -> None:
    """Keep amqtt 0.12 from losing messages while somebody subscribes: it awaits within loops over its subscriptions.

    Done on a private attribute; where that is gone, a lost message comes again, as after any fault of the broker.
    """
    if type(getattr(broker, "_subscriptions", None)) is dict:
        broker._subscriptions = SteadyDict(broker._subscriptions)


async def serve(config: EmbeddedConfig, stopped: asyncio.Event) -> None:
    """Serve until `stopped` is set; raises `OSError` when the port cannot be had."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "external"}, _LISTENER: {"type": "external"}},
            "plugins": {
                "edgeyard.hub.amqtt_plugin.CertificatePlugin": {
                    "site": config.site,
                    "access_file": config.access_file,
                }
            },
        }
    )
    steady_subscriptions(broker)
    context = server_context(
        Path(config.certificate_file), Path(config.key_file), Path(config.ca_file), require_client=True
    )
    await broker.start()
    access = AccessFile(Path(config.access_file))
    server = await asyncio.start_server(
        partial(_connected, broker, config.site, access),
        config.host,
        config.port,
        ssl=context,
        ssl_handshake_timeout=_TLS_HANDSHAKE_TIMEOUT_S,
        backlog=512,
    )
    _log.info("Serving on %s:%d", config.host, config.port)
    await stopped.wait()
    server.close()
    await broker.shutdown()


async def _connected(
    broker: Broker, site: str, access: AccessFile, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    peer = peer_role(writer.get_extra_info("peercert") or {})
    if peer is None or not access.allows(*peer):
        _log.warning("Refused a client whose certificate is not of the site, or was revoked: %s", peer)
        writer.close()
        return
    role, name = peer
    gate = PacketReader(reader, name, partial(may_publish, site, role, name), writer.write)
    try:
        await broker.external_connected(gate, FilteredWriter(writer, partial(may_receive, site, role, name)), _LISTENER)
    except (OSError, RuntimeError, asyncio.InvalidStateError) as error:
        # amqtt iterates over its subscriptions while they change; the client connects again.
        _log.warning("%s: connection lost: %r", name, error)
    finally:
        gate.feed_eof()
        writer.close()


def _watch_standard_input(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        continue
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(stopped.set)


async def _main(config: EmbeddedConfig) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    threading.Thread(target=_watch_standard_input, args=(loop, stopped), daemon=True).start()
    await serve(config, stopped)


def main(config_file: str) -> int:
    """Run the broker of a configuration file; the exit code says a port in use from other trouble."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    config = msgspec.json.decode(Path(config_file).read_bytes(), type=EmbeddedConfig)
    try:
        asyncio.run(_main(config))
    except OSError as error:
        _log.error("Cannot serve on %s:%d: %s", config.host, config.port, error)
        return EXIT_PORT_IN_USE if error.errno == errno.EADDRINUSE else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
