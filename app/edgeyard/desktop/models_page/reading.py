"""What the Models page reads: from the database on other threads, and from what is dragged in."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.model import ModelVersion
from edgeyard.store.database import Connection
from edgeyard.store.model import get_version, running_counts


def read_running(connection: Connection, _now: float) -> dict[str, int]:
    """How many devices run each digest: for a feed."""
    return running_counts(connection)


def read_version(workspace: Workspace, version_id: int) -> ModelVersion | None:
    """One version, for a worker."""
    with workspace.database.read() as connection:
        return get_version(connection, version_id)


def onnx_in(mime: QMimeData) -> str:
    """The path of the first local .onnx file that is dragged in, or nothing."""
    urls = mime.urls() if mime.hasUrls() else []
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return next((path for path in paths if Path(path).suffix.lower() == ".onnx"), "")
