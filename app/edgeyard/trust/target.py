"""Targets: the files that a repository vouches for, and how what is said about them is signed with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuf.api.metadata import TargetFile

from edgeyard.domain.identifier import is_digest
from edgeyard.trust.refusal import RefusedError
from edgeyard.wire.limit import MAX_ARTIFACT_BYTES

MAX_PATH_CHARACTERS = 300
MAX_CUSTOM_CHARACTERS = 128 * 1024

_PATH = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
"""Parts begin with a letter or digit, so none is `.` or `..`; a path never leaves a folder or begins at the root."""

_PACKED = "json"
"""TUF signs OLPC canonical JSON, which has no floats. So `custom` travels as one JSON text in this field."""


@dataclass(frozen=True, slots=True)
class ReleaseTarget:
    """One file that a repository vouches for. `custom` is the builtins form of `ReleaseCustom` or `DirectorCustom`."""

    path: str
    sha256: str
    size_bytes: int
    custom: Mapping[str, Any] = field(default_factory=dict)


def target_file(target: ReleaseTarget) -> TargetFile:
    """The TUF form of a target. Raises `RefusedError` for a path, digest, size or description that cannot be signed."""
    file = TargetFile(target.size_bytes, {"sha256": target.sha256}, target.path, _packed(target))
    check_target(file)
    return file


def check_target(file: TargetFile) -> None:
    """Raise `RefusedError` unless path, digest and size are such as ours are."""
    todo = "Ask the approver to sign it again with this version of Edgeyard."
    if len(file.path) > MAX_PATH_CHARACTERS or not _PATH.fullmatch(file.path):
        raise RefusedError("arbitrary software", f"{file.path[:80]!r} cannot be the path of a file.", todo)
    sha256 = file.hashes.get("sha256")
    if not isinstance(sha256, str) or not is_digest(sha256):
        raise RefusedError("arbitrary software", f"{file.path} is signed without a SHA-256 digest.", todo)
    if not 0 < file.length <= MAX_ARTIFACT_BYTES:
        limit = f"a file has 1 to {MAX_ARTIFACT_BYTES} bytes"
        raise RefusedError("endless data", f"{file.path} is signed with {file.length} bytes; {limit}.", todo)


def release_target(file: TargetFile) -> ReleaseTarget:
    """Read `target_file` back. Raises `RefusedError` for what `target_file` would not have made."""
    check_target(file)
    return ReleaseTarget(file.path, file.hashes["sha256"], file.length, custom_of(file))


def custom_of(file: TargetFile) -> dict[str, Any]:
    """What is said about a target; empty where nothing is. Raises `RefusedError` when it cannot be read."""
    packed = file.custom
    if packed is None:
        return {}
    try:
        text = packed[_PACKED]
        if len(text) > MAX_CUSTOM_CHARACTERS:
            raise ValueError("too long")
        custom = json.loads(text)
        if not isinstance(custom, dict):
            raise TypeError("no object")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RefusedError(
            "arbitrary software",
            f"The description of {file.path} cannot be read.",
            "It was signed by a program that is not Edgeyard, or by another version: sign it again.",
        ) from error
    return custom


def _packed(target: ReleaseTarget) -> dict[str, Any]:
    if not target.custom:
        return {}
    try:
        text = json.dumps(dict(target.custom), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RefusedError(
            "arbitrary software", f"The description of {target.path} cannot be signed ({error}).", "Measure it again."
        ) from error
    return {"custom": {_PACKED: text}}
