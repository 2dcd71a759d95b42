"""Our own side: the command that a user types, and what its JSON says."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmark.optimization.rival import Made, folder_bytes, last_object
from tests.benchmark.optimization.run_tool import run_tool

HOST = "host"


def run_ours(name: str, model: Path, sets: Path, scratch: Path, max_drop: float, budget_s: float) -> Made:
    """`edgeyard optimize` for this machine; `max_drop` in points. Never raises for what the command does."""
    folder = scratch / name
    out = folder / "out"
    command = [
        sys.executable, "-m", "edgeyard", "optimize", str(model), "--data", str(sets / "pool.npz"),
        "--profile", HOST, "--max-drop", f"{max_drop:g}", "--budget", f"{budget_s:g}s",
        "--cache", str(folder / "cache"), "--out", str(out), "--json",
    ]  # fmt: skip
    run = run_tool(command, folder)
    said = last_object(run.stdout) or _whole(run.stdout)
    picked = next((each for each in _objects(said.get("picked")) if each.get("profile") == HOST), None)
    if picked is None or not picked.get("path"):
        return Made(name, None, run.wall_s, run.cpu_s, run.peak_bytes, failure=run.last_words)
    path = Path(str(picked["path"]))
    path = path if path.is_absolute() else out / path
    size = path.stat().st_size if path.is_file() else folder_bytes(path)
    return Made(name, path, run.wall_s, run.cpu_s, run.peak_bytes, size, said={**picked, "exit_code": run.exit_code})


def _whole(text: str) -> dict[str, object]:
    """The JSON object that begins with the first brace, for answers on many lines."""
    import json

    start = text.find("{")
    try:
        found = json.loads(text[start:]) if start >= 0 else {}
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
