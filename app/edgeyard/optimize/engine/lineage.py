"""Where an artifact comes from: digests of what it was made of, all steps with their settings, and the tools."""

from __future__ import annotations

import msgspec

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.engine.bench import Artifact
from edgeyard.optimize.engine.step_key import tool_versions
from edgeyard.optimize.recipe.recipe import RecipeStep
from edgeyard.optimize.summary import ModelSummary

MAX_STEPS_CHARACTERS = 4000


def lineage_of(artifact: Artifact, summary: ModelSummary, calibration: Dataset | None) -> dict[str, str]:
    """The lineage, as text for signing: `recipe` is a digest over steps, settings, inputs and tools (the same recipe
    gives the same file), `steps` says them in words, JSON each."""
    lineage = {"source": summary.sha256, "recipe": artifact.key}
    if artifact.way and calibration is not None:
        lineage["calibration"] = calibration.sha256
    lineage["pass"] = " > ".join(step.kind for step in artifact.way) or artifact.name
    if artifact.way:
        lineage["steps"] = " > ".join(map(_words, artifact.way))[:MAX_STEPS_CHARACTERS]
    return {**lineage, **tool_versions()}


def _words(step: RecipeStep) -> str:
    settings = msgspec.json.encode(dict(step.settings), order="sorted").decode() if step.settings else ""
    return f"{step.id}: {step.kind} {settings}".strip()
