"""Where a variant comes from: digests of what it was made of and by which recipe, and versions of the tools."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version as installed_version

import msgspec

from edgeyard import __version__
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.declaration import Pass
from edgeyard.optimize.summary import ModelSummary

_TOOLS = ("numpy", "onnx", "onnxruntime")


def lineage(each: Pass, summary: ModelSummary, calibration: Dataset | None) -> dict[str, str]:
    """The lineage of what `each` makes of the model.

    `recipe` is a digest over the pass, its settings, its inputs and the tools: the same recipe gives the same file.
    """
    inputs = {"source": summary.sha256}
    if each.precision == "int8" and calibration is not None:
        inputs["calibration"] = calibration.sha256
    recipe = {"pass": each.id, "settings": each.settings, "inputs": inputs, "tools": tool_versions()}
    canonical = msgspec.json.encode(recipe, order="sorted")
    return {**inputs, "pass": each.id, "recipe": hashlib.sha256(canonical).hexdigest(), **tool_versions()}


@cache
def tool_versions() -> dict[str, str]:
    """Versions of what takes part in making a variant."""
    return {"edgeyard": __version__, **{name: installed_version(name) for name in _TOOLS}}
