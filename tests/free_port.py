"""Ports for what tests start.

A port that the system gives out may be given again, to a test in another worker, before a slow process has taken it.
These lie below the system's own range; each worker of pytest-xdist has a stretch of its own, and goes through it.
"""

import itertools
import os
import secrets
import socket

_FIRST, _WORKERS, _STRETCH = 12_000, 8, 2_000
_numbers = itertools.count(secrets.randbelow(_STRETCH))


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago and that nobody else in this test run is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    for number in itertools.islice(_numbers, _STRETCH):
        port = _FIRST + worker * _STRETCH + number % _STRETCH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no port of worker {worker} is free")
