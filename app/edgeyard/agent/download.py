"""Fetching a file by its signed digest and length: resumable, bounded, patient with a hub that is away.

What lies in the download folder is never trusted: a part counts only once its length and SHA-256 are those that were
signed. A kill or a power cut costs at most the bytes since the last sync.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import urllib3

from edgeyard.agent.backoff import Backoff
from edgeyard.agent.part_file import PartFile, Wanted
from edgeyard.domain.error import UserError
from edgeyard.trust.join_client import hub_error, plain_reason
from edgeyard.trust.refusal import RefusedError

CHUNK_BYTES = 64 * 1024
MAX_WRONG_FILES = 2


class CancelledError(Exception):
    """The download was called off by the agent itself."""


class _WaitError(Exception):
    """Something that may be better later; the text says what."""


class Downloader:
    """Fetches artifacts into one folder.

    `pool` gives the connection pool of the moment, `free_bytes` the free space of the disk; `on_waiting` is told, in a
    sentence, each time something has to be waited for. `cancelled` ends the work at the next chunk.
    """

    def __init__(
        self,
        pool: Callable[[], urllib3.HTTPSConnectionPool],
        folder: Path,
        free_bytes: Callable[[], int],
        *,
        on_waiting: Callable[[str], None],
        cancelled: Event,
        first_delay_s: float = 1.0,
    ) -> None:
        self._pool = pool
        self._folder = folder
        self._free_bytes = free_bytes
        self._on_waiting = on_waiting
        self._cancelled = cancelled
        self._backoff = Backoff(first_delay_s, 60.0)

    def fetch(self, wanted: Wanted) -> tuple[Path, int]:
        """Fetch one file and verify it; returns its path and how many bytes came over the network.

        Raises `NoSpaceError`, `RefusedError` (the hub's bytes are not those that were signed), `UserError` (the disk
        does not work) and `CancelledError`. A hub that is away is waited for, for ever.
        """
        if not wanted.size_bytes:
            raise _wrong_file(wanted)
        part = PartFile(self._folder, wanted, self._free_bytes)
        received = wrong = 0
        while not self._cancelled.is_set():
            have = part.usable_bytes()
            if have == wanted.size_bytes:
                if part.is_right():
                    return part.path, received
                part.remove()
                wrong += received > 0
                if wrong >= MAX_WRONG_FILES:
                    raise _wrong_file(wanted)
                continue
            part.check_space(have)
            received += self._try_to_complete(part, have, wanted)
        raise CancelledError

    def _try_to_complete(self, part: PartFile, have: int, wanted: Wanted) -> int:
        """One request; returns the bytes that came, after a pause when it broke off."""
        try:
            return self._transfer(part, have, wanted)
        except (_WaitError, urllib3.exceptions.HTTPError) as problem:
            gained = max(0, part.usable_bytes() - have)
            if gained:
                self._backoff.reset()
            self._on_waiting(_sentence(problem))
            self._cancelled.wait(self._backoff.next_delay_s())
            return gained

    def _transfer(self, part: PartFile, have: int, wanted: Wanted) -> int:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        response = self._pool().request("GET", f"/v1/artifacts/{wanted.digest}", headers=headers, preload_content=False)
        try:
            have = _agreed_offset(response, part, have)
            length = response.headers.get("Content-Length", "")
            if length.isdigit() and int(length) > wanted.size_bytes - have:
                raise _too_long(wanted)
            with part.write_from(have):
                return self._receive(response, part, wanted.size_bytes - have, wanted)
        finally:
            response.close()

    def _receive(self, response: urllib3.BaseHTTPResponse, part: PartFile, missing: int, wanted: Wanted) -> int:
        received = 0
        try:
            while received < missing:
                if self._cancelled.is_set():
                    raise CancelledError
                chunk = response.read(min(CHUNK_BYTES, missing - received), decode_content=False)
                if not chunk:
                    raise _WaitError("The connection to the hub broke off during the download.")
                part.write(chunk)
                received += len(chunk)
        finally:
            part.sync()
        if response.read(1, decode_content=False):
            part.remove()
            raise _too_long(wanted)
        return received


def _agreed_offset(response: urllib3.BaseHTTPResponse, part: PartFile, have: int) -> int:
    """From which byte the answer begins: 0 where the server ignored the range."""
    if response.status == 200:
        return 0
    if response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return have
    if response.status in {206, 416}:
        part.remove()
        raise _WaitError("The hub cannot go on with the download where it broke off; it begins anew.")
    raise _WaitError(str(hub_error(response)))


def _wrong_file(wanted: Wanted) -> RefusedError:
    return RefusedError(
        "arbitrary software",
        f"The hub's file for {wanted.what} is not the one that was signed.",
        "Check the hub's artifact store, and what lies between it and the device.",
    )


def _too_long(wanted: Wanted) -> RefusedError:
    return RefusedError(
        "endless data",
        f"The hub sends more for {wanted.what} than the {wanted.size_bytes} bytes that were signed.",
        "Check the hub's artifact store, and what lies between it and the device.",
    )


def _sentence(problem: Exception) -> str:
    if isinstance(problem, (_WaitError, UserError)):
        return str(problem)
    reason = getattr(problem, "reason", None) or problem
    return f"The hub cannot be reached ({plain_reason(reason) or 'no answer'})."
