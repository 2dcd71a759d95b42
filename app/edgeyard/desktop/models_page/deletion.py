"""Deleting a version that was never released, so that it can be put back: the row goes, its files stay for a day."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import is_digest
from edgeyard.domain.model import ModelVersion
from edgeyard.store import journal, model
from edgeyard.store.database import Connection

KEPT_S = 86_400.0
"""How long the files of a deleted version stay: until then undo, or the same import again, finds them."""


def remove_version(workspace: Workspace, version_id: int) -> ModelVersion:
    """Delete the version's row and return all of it. Raises `UserError` when it is gone or was released."""
    now = workspace.clock()
    with workspace.database.write() as connection:
        found = model.get_version(connection, version_id)
        if found is None:
            raise UserError("This version does not exist any more.", "Choose another one.")
        model.delete_version(connection, version_id, now)
        journal.note(connection, workspace.operator_name, "version deleted", found.label, "", now)
    folder = workspace.folder.library / found.source_digest
    if folder.is_dir():
        os.utime(folder, (now, now))
    return found


def restore_version(workspace: Workspace, version: ModelVersion) -> int:
    """Put a deleted version back with its variants; returns its new id. Raises `UserError` if its number is taken."""
    with workspace.database.write() as connection:
        restored = _add(connection, version)
        now = workspace.clock()
        journal.note(connection, workspace.operator_name, "version restored", version.label, "", now)
    return restored


def _add(connection: Connection, version: ModelVersion) -> int:
    added = model.add_version(
        connection,
        model=version.model,
        version=version.version,
        source_digest=version.source_digest,
        source_size_bytes=version.source_size_bytes,
        parameters=version.parameters,
        multiply_adds=version.multiply_adds,
        opset=version.opset,
        inputs=version.inputs,
        outputs=version.outputs,
        preprocessing=version.preprocessing,
        golden_digest=version.golden_digest,
        golden_size_bytes=version.golden_size_bytes,
        note=version.note,
        now=version.created_at,
    )
    for variant in version.variants:
        model.add_variant(
            connection,
            added.id,
            name=variant.name,
            precision=variant.precision,
            digest=variant.digest,
            size_bytes=variant.size_bytes,
            profiles=variant.profiles,
            evidence=variant.evidence,
            reasons=variant.reasons,
            lineage=variant.lineage,
            now=version.created_at,
        )
    if version.stage != "imported":
        model.set_version_stage(connection, added.id, version.stage, version.created_at)
    return added.id


def purge_library(workspace: Workspace) -> list[Path]:
    """Remove the files of versions that were deleted more than a day ago; returns the folders that went."""
    with workspace.database.read() as connection:
        kept = {version.source_digest for known in model.list_models(connection) for version in known.versions}
    gone = []
    for folder in workspace.folder.library.iterdir():
        # Everything else in the library (files by digest, an import on its way) is not ours to judge.
        old = is_digest(folder.name) and folder.name not in kept and folder.is_dir()
        if old and workspace.clock() - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(folder)
    return gone
