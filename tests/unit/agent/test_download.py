"""Downloads against a real HTTPS server: resumed, bounded, verified; and a disk that fills."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import urllib3

from edgeyard.agent.download import CancelledError, Downloader
from edgeyard.agent.part_file import NoSpaceError, Wanted
from edgeyard.domain.error import UserError
from edgeyard.trust.join_client import open_pool
from edgeyard.trust.refusal import RefusedError
from edgeyard.trust.tls import client_context
from tests.e2e.hub_parts import eventually
from tests.unit.agent.toy_hub import ToyHub

DATA = os.urandom(700_000)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[ToyHub]:
    with ToyHub(tmp_path / "hub").running() as hub:
        yield hub


class Fetcher:
    """A downloader of a device that has joined the hub."""

    def __init__(self, hub: ToyHub, folder: Path, free_bytes: int = 1 << 40) -> None:
        folder.mkdir(exist_ok=True)
        device = hub.pki.issue("press-1", "device")
        context = client_context(device.ca, device.certificate, device.key)
        self.pool: urllib3.HTTPSConnectionPool | None = None
        self.waited: list[str] = []
        self.cancelled = threading.Event()
        self.hub = hub
        self.folder = folder
        self._context = context
        self.downloader = Downloader(
            self._open, folder, lambda: free_bytes, on_waiting=self.waited.append, cancelled=self.cancelled,
            first_delay_s=0.05,
        )  # fmt: skip

    def _open(self) -> urllib3.HTTPSConnectionPool:
        return open_pool(self.hub.url, self._context)

    def fetch(self, data: bytes = DATA) -> tuple[Path, int]:
        self.hub.keep(data)
        return self.downloader.fetch(wanted(data))

    def part(self, data: bytes = DATA) -> Path:
        return self.folder / f"{hashlib.sha256(data).hexdigest()}.part"


def wanted(data: bytes) -> Wanted:
    return Wanted(hashlib.sha256(data).hexdigest(), len(data), "yard/1/fp32.onnx")


@pytest.fixture
def fetcher(hub: ToyHub, tmp_path: Path) -> Fetcher:
    return Fetcher(hub, tmp_path / "downloads")


def test_a_file_arrives_whole(fetcher: Fetcher) -> None:
    path, received = fetcher.fetch()
    assert path.read_bytes() == DATA
    assert received == len(DATA)
    assert fetcher.hub.requests[-1][2] == "press-1"


def test_a_part_is_resumed_where_it_broke_off(fetcher: Fetcher) -> None:
    fetcher.part().write_bytes(DATA[:300_000])
    path, received = fetcher.fetch()
    assert path.read_bytes() == DATA
    assert received == 400_000
    assert fetcher.hub.requests[-1][1] == "bytes=300000-"


def test_a_complete_part_needs_no_network(fetcher: Fetcher) -> None:
    fetcher.part().write_bytes(DATA)
    assert fetcher.fetch()[1] == 0
    assert fetcher.hub.requests == []


@pytest.mark.parametrize("part", [DATA + b"more", b"\0" * len(DATA), b"\0" * 300_000])
def test_a_part_that_is_too_long_or_wrong_is_fetched_anew(fetcher: Fetcher, part: bytes) -> None:
    fetcher.part().write_bytes(part)
    assert fetcher.fetch()[0].read_bytes() == DATA


def test_a_connection_that_breaks_off_is_resumed(fetcher: Fetcher) -> None:
    broken: list[int] = []

    def break_off(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        if len(broken) >= 3:
            return False
        broken.append(1)
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : start + 100_000])
        handler.close_connection = True
        handler.connection.close()
        return True

    fetcher.hub.misbehave = break_off
    path, received = fetcher.fetch()
    assert path.read_bytes() == DATA
    assert received == len(DATA)
    assert fetcher.hub.requests[-1][1].startswith("bytes=")
    assert fetcher.waited


def test_a_server_that_ignores_the_range_starts_over(fetcher: Fetcher) -> None:
    def ignore_range(handler: BaseHTTPRequestHandler, _data: bytes) -> bool:
        del handler.headers["Range"]
        return False

    fetcher.hub.misbehave = ignore_range
    fetcher.part().write_bytes(b"\0" * 300_000)
    assert fetcher.fetch()[0].read_bytes() == DATA


def test_a_server_that_goes_on_elsewhere_is_asked_from_the_beginning(fetcher: Fetcher) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        if not handler.headers.get("Range"):
            return False
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes 5-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    fetcher.hub.misbehave = elsewhere
    fetcher.part().write_bytes(DATA[:300_000])
    assert fetcher.fetch()[0].read_bytes() == DATA


@pytest.mark.parametrize("announced", [True, False])
def test_more_bytes_than_were_signed_are_refused_as_endless_data(fetcher: Fetcher, announced: bool) -> None:
    def send_more(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        handler.send_response(200)
        if announced:
            handler.send_header("Content-Length", str(len(data) + 10))
        else:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(data + b"0123456789")
        return True

    fetcher.hub.misbehave = send_more
    with pytest.raises(RefusedError, match="endless data"):
        fetcher.fetch()


def test_wrong_bytes_are_refused_after_a_second_try(fetcher: Fetcher) -> None:
    digest = fetcher.hub.keep(DATA)
    fetcher.hub.artifacts[digest] = bytes(len(DATA))
    with pytest.raises(RefusedError, match="arbitrary software"):
        fetcher.downloader.fetch(wanted(DATA))
    assert len(fetcher.hub.requests) == 2
    assert not fetcher.part().exists()


def test_a_hub_that_is_away_is_waited_for(fetcher: Fetcher) -> None:
    fetcher.hub.stop()
    done: list[tuple[Path, int]] = []
    thread = threading.Thread(target=lambda: done.append(fetcher.fetch()))
    thread.start()
    time.sleep(0.3)
    assert not done
    assert "cannot be reached" in fetcher.waited[0]
    fetcher.hub.start()
    thread.join(10)
    assert done[0][0].read_bytes() == DATA


def test_a_hub_that_lacks_the_file_is_waited_for_in_its_own_words(fetcher: Fetcher) -> None:
    digest = fetcher.hub.keep(DATA)
    data = fetcher.hub.artifacts.pop(digest)
    threading.Timer(0.3, lambda: fetcher.hub.keep(data)).start()
    assert fetcher.downloader.fetch(wanted(DATA))[0].read_bytes() == DATA
    assert fetcher.waited[0] == "There is no such file. Wait."


def test_a_cancelled_download_ends_soon_and_keeps_what_it_has(fetcher: Fetcher) -> None:
    def trickle(handler: BaseHTTPRequestHandler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:200_000])
        eventually(lambda: fetcher.part().exists() and fetcher.part().stat().st_size)
        fetcher.cancelled.set()
        handler.wfile.write(data[200_000:])
        return True

    fetcher.hub.misbehave = trickle
    with pytest.raises(CancelledError):
        fetcher.fetch()
    assert 0 < fetcher.part().stat().st_size < len(DATA)


def test_too_little_space_is_said_before_anything_is_asked_of_the_hub(hub: ToyHub, tmp_path: Path) -> None:
    fetcher = Fetcher(hub, tmp_path / "downloads", free_bytes=500_000)
    fetcher.part().write_bytes(DATA[:1000])
    with pytest.raises(NoSpaceError, match=r"needs 1\.7 MB of free disk space, and the device has 0\.5 MB") as caught:
        fetcher.fetch()
    assert "Free at least 1.2 MB" in caught.value.todo
    assert not fetcher.part().exists()
    assert hub.requests == []


def test_a_disk_that_fills_during_the_download_is_said_and_its_space_given_back(hub: ToyHub, tmp_path: Path) -> None:
    """A real file system of 512 KB, and a free-space figure that proves wrong."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        fetcher = Fetcher(hub, small / "downloads")
        with pytest.raises(NoSpaceError, match="There is no room for yard"):
            fetcher.fetch()
        assert list((small / "downloads").iterdir()) == []
        # The agent goes on: something smaller fits.
        assert fetcher.fetch(DATA[:100_000])[0].read_bytes() == DATA[:100_000]
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_a_disk_that_cannot_be_written_is_said(fetcher: Fetcher) -> None:
    fetcher.part().mkdir()
    with pytest.raises(UserError, match="cannot be stored on the device"):
        fetcher.fetch()


def test_a_hub_of_another_site_is_not_spoken_to(fetcher: Fetcher, tmp_path: Path) -> None:
    with ToyHub(tmp_path / "other").running() as other:
        other.keep(DATA)
        fetcher.hub.stop()
        fetcher.hub.port, own = other.port, fetcher.hub.port
        threading.Timer(0.3, fetcher.cancelled.set).start()
        with pytest.raises(CancelledError):
            fetcher.fetch()
        fetcher.hub.port = own
    assert "certificate" in fetcher.waited[0].lower()
    assert other.requests == []
