"""The pruning table: channels cut out of ResNet-20 without training, refitted, with int8 on top, by one recipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmark.optimization.rival import Made
from tests.benchmark.optimization.run_tool import run_tool

PERCENTS = ("12.5", "25", "50")
PROTOTYPE = {"12.5": 79.7, "25": 77.1, "50": 62.9}
"""Accuracy that a prototype kept of 81.0 %, refitted, every layer cut alike."""
KINDS = {
    "magnitude": "{fraction: %s, allocation: uniform, multiple_of: 1, score: magnitude, recover: false}",
    "refitted": "{fraction: %s, allocation: uniform, multiple_of: 1}",
    "balanced": "{fraction: %s}",
}
"""By name, the settings: plain L1 without recovery, the same cut with recovery, and what a user gets by default."""
BUDGET = "600s"
IMAGES = 3400
"""Of which three tenths, about 1,000, are to refit with: fewer cost accuracy, more hardly gain any."""


def recipe_text() -> str:
    """Every kind at every share, and int8 after each that was refitted."""
    lines = ["title: Pruning table", "steps:"]
    for kind, percent, name in _cells():
        settings = KINDS[kind] % (float(percent) / 100)
        lines += [f"  - id: {name}", "    pass: prune-channels", f"    settings: {settings}"]
        if kind != "magnitude":
            lines += [f"  - id: {name}-int8", "    pass: int8-static", f"    from: {name}"]
    return "\n".join(lines) + "\n"


def make_pruned(model: Path, data: Path, scratch: Path) -> list[Made]:
    """What `edgeyard optimize` makes of that recipe, its own refusals included: a file in the result, or why not.

    `data`: an NPZ of `IMAGES` prepared images with labels.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    recipe, out = scratch / "recipe.yaml", scratch / "out"
    recipe.write_text(recipe_text(), "utf-8")
    command = [
        sys.executable, "-m", "edgeyard", "optimize", str(model), "--data", str(data),
        "--recipe", str(recipe), "--profile", "host", "--max-drop", "20", "--budget", BUDGET,
        "--cache", str(scratch / "cache"), "--out", str(out), "--json",
    ]  # fmt: skip
    run = run_tool(command, scratch)
    made = []
    for kind, _, name in _cells():
        for each in (name, f"{name}-int8"):
            path = out / f"{each}.onnx"
            if path.exists():
                made.append(Made(each, path, size_bytes=path.stat().st_size))
            elif each == name or kind != "magnitude":
                made.append(Made(each, None, failure=run.last_words or "it was not made"))
    return made


def pruning_aims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refitted at least as accurate as the prototype was, and never offered when not faster."""
    found = []
    for percent in PERCENTS if rows else ():
        row = next((each for each in rows if each["tool"] == f"pruned-refitted-{percent}".replace(".", "-")), {})
        figure = row.get("accuracy")
        met = figure is not None and figure >= PROTOTYPE[percent]
        text = f"resnet20: accuracy with {percent} % of channels cut and refitted, %"
        found.append({"aim": text, "figure": figure, "bound": f"≥ {PROTOTYPE[percent]:g}", "met": met})
    return found


def _cells() -> Iterator[tuple[str, str, str]]:
    for kind in KINDS:
        for percent in PERCENTS:
            yield kind, percent, f"pruned-{kind}-{percent.replace('.', '-')}"
