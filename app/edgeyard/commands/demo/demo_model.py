"""The demo's model: three versions that come with the program, imported and optimized for real."""

from __future__ import annotations

from edgeyard.commands.demo.demo_fleet import PROFILES
from edgeyard.commands.model_command import import_model, optimize_version
from edgeyard.commands.workspace import Workspace
from edgeyard.resource import resource_path

MODEL = "yard-vision"
_NOTES = {
    1: "First training, stopped early.",
    2: "Trained to the end: better on every class.",
    3: "Fine-tuned by a new pipeline; its training loss looked fine.",
}


def import_version(workspace: Workspace, number: int) -> int:
    """Import one of the bundled versions with its data; returns its database id."""
    path = resource_path("demo", f"{MODEL}-{number}.onnx")
    return import_model(workspace, path, MODEL, resource_path("demo"), version=number, note=_NOTES[number])


def optimize_imported(workspace: Workspace, version_id: int) -> None:
    """Make the variants for the demo's hardware profiles."""
    optimize_version(workspace, version_id, profiles=PROFILES)
