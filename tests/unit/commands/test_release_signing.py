"""An approver signs files, not rows: what the database says of a variant must lie on the approver's own machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edgeyard.commands.model_command import artifact_folder
from edgeyard.commands.release_signing import _check_own_file
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.trust.artifact_file import artifact_path, store_artifact
from edgeyard.trust.target import ReleaseTarget


def test_only_a_file_that_lies_here_as_it_was_made_is_signed(tmp_path: Path) -> None:
    workspace = SimpleNamespace(folder=SiteFolder(tmp_path))
    made = tmp_path / "int8.onnx"
    made.write_bytes(b"model")
    folder = artifact_folder(workspace)  # type: ignore[arg-type]
    folder.mkdir(parents=True)
    sha256, size_bytes = store_artifact(folder, made)
    target = ReleaseTarget("m/1/int8.onnx", sha256, size_bytes)
    _check_own_file(workspace, target)  # type: ignore[arg-type]

    swapped = ReleaseTarget("m/1/int8.onnx", "b" * 64, size_bytes)
    with pytest.raises(UserError, match="not on this machine"):
        _check_own_file(workspace, swapped)  # type: ignore[arg-type]
    artifact_path(folder, sha256).write_bytes(b"other")
    with pytest.raises(UserError, match="not on this machine"):
        _check_own_file(workspace, target)  # type: ignore[arg-type]
