"""The hub's HTTPS API as an operator's machine uses it; the same for a hub next door and a distant one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.trust.join_client import fetch, fetch_optional, open_pool
from edgeyard.trust.tls import client_context
from edgeyard.wire.limit import MAX_METADATA_BYTES

_MAX_JSON_BYTES = 1024 * 1024
_T = TypeVar("_T")


class BrokerInfo(msgspec.Struct):
    """Where the site's broker is, of which kind, and how it is."""

    kind: str
    host: str
    port: int
    state: str = ""
    text: str = ""


class SiteInfo(msgspec.Struct):
    """What the hub says about its site."""

    site: str
    hub: str
    broker: BrokerInfo
    release_root: bool
    server_time: float


class HubClient:
    """One operator's connection to one hub, over mutual TLS. Methods raise `UserError` and may wait for the network."""

    def __init__(self, url: str, ca_file: Path, certificate_file: Path, key_file: Path) -> None:
        self._pool = open_pool(url, client_context(ca_file, certificate_file, key_file))

    def site(self) -> SiteInfo:
        """What the hub says about its site."""
        return self._json("GET", "/v1/site", SiteInfo)

    def online_keys(self) -> dict[str, dict[str, Any]]:
        """The public keys of the snapshot and timestamp roles, as TUF key dictionaries."""
        return self._json("GET", "/v1/trust/online-keys", dict[str, dict[str, Any]])

    def release_metadata(self, name: str) -> bytes | None:
        """A file of the release repository (`1.root.json`, `timestamp.json`, …), or `None` where there is none."""
        return fetch_optional(self._pool, "GET", f"/v1/release/{name}", MAX_METADATA_BYTES)

    def put_root(self, root: bytes) -> None:
        """Hand in the site's first release root."""
        fetch(self._pool, "POST", "/v1/release/root", _MAX_JSON_BYTES, body=root)

    def put_targets(self, targets: bytes) -> None:
        """Hand in new signed release targets; the hub verifies and publishes them."""
        fetch(self._pool, "POST", "/v1/release/targets", _MAX_JSON_BYTES, body=targets)

    def has_artifact(self, sha256: str) -> bool:
        """Whether the hub has this artifact already."""
        return fetch_optional(self._pool, "HEAD", f"/v1/artifacts/{sha256}", 0) is not None

    def upload_artifact(self, path: Path, sha256: str, on_bytes: Callable[[int], None] | None = None) -> None:
        """Send a file, streamed; `on_bytes` hears the total sent so far. A file the hub has is not sent again."""
        if self.has_artifact(sha256):
            return
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            body = _Reported(file, on_bytes) if on_bytes else file
            headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
            fetch(self._pool, "PUT", f"/v1/artifacts/{sha256}", _MAX_JSON_BYTES, body=body, headers=headers)

    def create_tokens(
        self, role: str, *, count: int = 1, hardware_profile: str = "", ttl_s: float = 3600.0, note: str = ""
    ) -> list[str]:
        """Ask for one-time join tokens; each is shown once and never again."""
        request = {
            "role": role,
            "count": count,
            "hardware_profile": hardware_profile,
            "ttl_s": ttl_s,
            "note": note,
        }
        answer = self._json("POST", "/v1/tokens", dict[str, list[str]], body=msgspec.json.encode(request))
        return answer["tokens"]

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _json(self, method: str, path: str, kind: type[_T], **options: Any) -> _T:
        data = fetch(self._pool, method, path, _MAX_JSON_BYTES, **options)
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError as error:
            raise UserError(
                "The hub's answer cannot be read.", "Check that hub and desktop run the same version of Edgeyard."
            ) from error


class _Reported:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, on_bytes: Callable[[int], None]) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sent += len(data)
        self._on_bytes(self._sent)
        return data
