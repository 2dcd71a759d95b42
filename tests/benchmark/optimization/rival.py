"""The tools that are compared with ours, each in its own environment, and how they are asked.

A request is a JSON file: `model`, `calibration` (NPZ with the model's input as `x`), `validation` (the same with
labels `y`, for tools that look at accuracy), `out`, `mode`, and `max_drop` as a fraction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmark.optimization.case import Case
from tests.benchmark.optimization.environment import EnvironmentMissingError, python_of
from tests.benchmark.optimization.run_tool import run_tool

FOLDER = Path(__file__).parent
BUDGET_DROP = 0.001
"""The accuracy that tools with an accuracy control may lose: a tenth of a point."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A tool in one of its modes. With `labels` it looks at accuracy itself, so it can only work on labelled data."""

    name: str
    environment: str
    script: str
    mode: str
    labels: bool = False


RIVALS = (
    Rival("onnxruntime", "onnxruntime", "rival_onnxruntime.py", "default"),
    Rival("onnxruntime-u8s8", "onnxruntime", "rival_onnxruntime.py", "u8s8"),
    Rival("nncf", "nncf", "rival_nncf.py", "quantize"),
    Rival("nncf-accuracy-control", "nncf", "rival_nncf.py", "accuracy-control", labels=True),
    Rival("neural-compressor", "neural-compressor", "rival_neural_compressor.py", "qoperator"),
    Rival("neural-compressor-qdq", "neural-compressor", "rival_neural_compressor.py", "qdq"),
)


@dataclass(frozen=True, slots=True)
class Made:
    """What a tool made of a model: its file, or why there is none; seconds and memory of its whole process tree.

    `size_bytes` counts external data too. `work_s` is the time without starting the interpreter and importing, where
    the tool says it. `said` is what ours reports of its choice.
    """

    name: str
    path: Path | None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    size_bytes: int = 0
    work_s: float | None = None
    version: str = ""
    failure: str = ""
    said: dict[str, object] | None = None


def run_rival(rival: Rival, case: Case, model: Path, sets: Path, environments: Path, scratch: Path) -> Made:
    """Let `rival` quantize `model` with the sets in `sets`; never raises for what the tool does."""
    if rival.labels and not case.labelled:
        return Made(rival.name, None, failure="It needs labels, and this model has no labelled data here.")
    try:
        python = python_of(rival.environment, environments)
    except EnvironmentMissingError as error:
        return Made(rival.name, None, failure=f"Its environment could not be made: {error}")
    out = scratch / rival.name / "out"
    out.mkdir(parents=True)
    request = {
        "model": str(model),
        "calibration": str(sets / "calibration.npz"),
        "validation": str(sets / "validation.npz"),
        "out": str(out / "model.onnx"),
        "mode": rival.mode,
        "max_drop": BUDGET_DROP,
    }
    return ask(rival.name, python, rival.script, request, scratch / rival.name)


def ask(name: str, python: Path, script: str, request: Mapping[str, object], scratch: Path) -> Made:
    """Run a tool's script in its environment with `request`, and take what it made."""
    asked = scratch / "request.json"
    asked.parent.mkdir(parents=True, exist_ok=True)
    asked.write_text(json.dumps(request), "utf-8")
    run = run_tool([str(python), str(FOLDER / script), str(asked)], scratch)
    if run.exit_code:
        return Made(name, None, run.wall_s, run.cpu_s, run.peak_bytes, failure=run.last_words)
    said = last_object(run.stdout)
    path = Path(str(request["out"]))
    size = folder_bytes(path.parent)
    return Made(
        name,
        path if path.exists() else None,
        run.wall_s,
        run.cpu_s,
        run.peak_bytes,
        size,
        float(said.get("work_s", 0.0)),
        str(said.get("version", "")),
    )


def folder_bytes(folder: Path) -> int:
    """All files in it together."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def last_object(text: str) -> dict[str, Any]:
    """The JSON object in the last line that is one; tools print other things before it."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict):
                return found
    return {}


def names(rivals: Sequence[Rival] = RIVALS) -> tuple[str, ...]:
    """What they are called in the result."""
    return tuple(rival.name for rival in rivals)
