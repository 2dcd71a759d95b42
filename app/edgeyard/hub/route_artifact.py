"""Routes of the artifact store: resumable downloads for devices, verified uploads from operators."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
from pathlib import Path

from aiohttp import web

from edgeyard.domain.identifier import is_digest
from edgeyard.hub.http_error import HttpError
from edgeyard.hub.hub_state import HubState
from edgeyard.hub.peer import STATE, needs, peer_of
from edgeyard.store.lab import ordered_digests
from edgeyard.trust.artifact_file import artifact_path
from edgeyard.trust.durable_file import sync_folder
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES

_UPLOAD_PREFIX = ".upload-"
_WRITE_BYTES = 1 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def artifact_routes() -> list[web.RouteDef]:
    """Routes of this module (a GET route serves HEAD too)."""
    return [
        web.get("/v1/artifacts/{sha}", get_artifact),
        web.put("/v1/artifacts/{sha}", put_artifact),
    ]


def clear_uploads(folder: Path) -> None:
    """Remove what uploads left behind that a former hub did not finish."""
    for path in folder.glob(_UPLOAD_PREFIX + "*"):
        path.unlink(missing_ok=True)


@needs("device", "operator")
async def get_artifact(request: web.Request) -> web.StreamResponse:
    """A file by its digest; with Range, so that a download goes on where it broke off.

    Devices get what the release repository or an open lab order of theirs names, and nothing else that may lie there.
    """
    state, digest, peer = request.app[STATE], _digest(request), peer_of(request)
    allowed = peer.role == "operator" or digest in state.releases.targets().digests
    allowed = allowed or await asyncio.to_thread(_is_ordered, state, peer.name, digest)
    path = artifact_path(state.folder.artifacts, digest)
    if not allowed or not await asyncio.to_thread(path.is_file):
        raise HttpError(404, f"There is no released artifact {digest}.", "Release the model again.")
    return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})


def _is_ordered(state: HubState, device: str, digest: str) -> bool:
    """Whether a lab order of this device names the file, released or not."""
    with state.database.read() as connection:
        return digest in ordered_digests(connection, device, state.clock())


@needs("operator")
async def put_artifact(request: web.Request) -> web.Response:
    """Take in a file whose digest is in the address: streamed, checked, synced, and only then visible."""
    state, digest = request.app[STATE], _digest(request)
    if (request.content_length or 0) > MAX_ARTIFACT_BYTES:
        raise _too_large()
    folder = state.folder.artifacts
    temporary = folder / f"{_UPLOAD_PREFIX}{secrets.token_hex(8)}"
    try:
        found, size_bytes = await _receive(request, temporary)
        if found != digest:
            raise HttpError(
                422,
                f"The uploaded file has the digest {found}, not {digest}.",
                "It was damaged on the way or changed meanwhile; upload it again.",
            )
        await asyncio.to_thread(_install, temporary, artifact_path(folder, digest))
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise HttpError(
                507,
                f"The hub's disk is full: the artifact does not fit into {folder}.",
                "Free space there, or move the site folder to a larger disk, and upload again.",
            ) from error
        raise
    finally:
        await asyncio.to_thread(temporary.unlink, missing_ok=True)
    return web.json_response({"sha256": digest, "size_bytes": size_bytes}, status=201)


async def _receive(request: web.Request, path: Path) -> tuple[str, int]:
    """Stream the body into a file; its digest and size."""
    hasher = hashlib.sha256()
    size_bytes = 0
    file = await asyncio.to_thread(path.open, "xb")
    try:
        pending = bytearray()
        async for chunk in request.content.iter_any():
            size_bytes += len(chunk)
            if size_bytes > MAX_ARTIFACT_BYTES:
                raise _too_large()
            pending += chunk
            if len(pending) >= _WRITE_BYTES:
                data, pending = bytes(pending), bytearray()
                hasher.update(data)
                await asyncio.to_thread(file.write, data)
        hasher.update(pending)
        await asyncio.to_thread(file.write, bytes(pending))
        await asyncio.to_thread(file.flush)
        await asyncio.to_thread(os.fsync, file.fileno())
    finally:
        await asyncio.to_thread(file.close)
    return hasher.hexdigest(), size_bytes


def _install(temporary: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _digest(request: web.Request) -> str:
    digest = request.match_info["sha"]
    if not is_digest(digest):
        raise HttpError(404, "Artifacts are named by their SHA-256 in lower-case hex.")
    return digest


def _too_large() -> HttpError:
    return HttpError(413, f"An artifact may have at most {MAX_ARTIFACT_BYTES} bytes.", "Use a smaller model.")
