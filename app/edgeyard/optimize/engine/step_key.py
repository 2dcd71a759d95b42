"""Keys under which finished work is found again: digests of everything that decides the result."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import msgspec

from edgeyard import __version__
from edgeyard.optimize.engine.code_digest import code_digest
from edgeyard.optimize.recipe.recipe import RecipeStep
from edgeyard.optimize.recipe.setting import settings_of
from edgeyard.optimize.step import Pass

_TOOLS = ("numpy", "onnx", "onnxruntime", "onnxslim", "openvino", "ai-edge-litert")


def step_key(source_key: str, step: RecipeStep, each: Pass, data_key: str, seed: int) -> str:
    """The key of a step's artifact: the same key, the same bytes.

    `source_key` is that of the step it works on, or the original's SHA-256; `data_key` is of the calibration set.
    """
    settings = settings_of(each.settings_type, step.settings)
    sidecar = getattr(each, "sidecar", "")
    return digest_of(
        source_key, step.kind, msgspec.to_builtins(settings), data_key, seed, tool_versions(),
        code_digest(type(each).__module__), _sidecar_version(sidecar) if sidecar else "",
    )  # fmt: skip


def digest_of(*parts: Any) -> str:
    """SHA-256 over the canonical JSON of the parts."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


@cache
def tool_versions() -> dict[str, str]:
    """Versions of what takes part in making and proving an artifact, of those that are here."""
    versions = {"edgeyard": __version__}
    for name in _TOOLS:
        try:
            versions[name] = installed_version(name)
        except PackageNotFoundError:
            continue
    return versions


def _sidecar_version(name: str) -> str:
    from edgeyard.optimize.sidecar.catalog import sidecar_version

    return sidecar_version(name)
