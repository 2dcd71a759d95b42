"""Inspect every model at hand and optimize each that has data: nothing may crash, and what is refused says why.

    python tests/benchmark/every_model.py --data DATA [--only NAME …] [--budget 30]

Models are those of the shared folder and the `light_*` architectures that the onnx package ships for its own tests
(AlexNet, DenseNet, Inception, ResNet-50, ShuffleNet, SqueezeNet, VGG, ZFNet; their weights are constants, and their
only sample is noise made here, so what counts is that the job ends well). Prints one JSON object: for each model and
command the exit code, seconds, the memory of the whole process tree, and the last line that was said. Ends with 1 when
a command crashed: another exit code than the documented 0, 1 and 2, a traceback, or no words.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmark.optimization.case import CASES
from tests.benchmark.optimization.run_tool import ToolRun, run_tool
from tests.benchmark.optimization.sample_sets import QUICK, make_sets

DOCUMENTED = (0, 1, 2)
NOISE_SAMPLES = 48
MAX_DROP = "1"


def main() -> int:
    """Try every model, print, and say by the exit code whether anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with models/, cifar10/ and kws/")
    parser.add_argument("--only", nargs="+", default=[], help="parts of file names")
    parser.add_argument("--budget", type=int, default=30, help="seconds for each optimization")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgeyard-every-", ignore_cleanup_errors=True) as folder:
        for path in [*sorted((given.data / "models").glob("*.onnx")), *light_models()]:
            if not given.only or any(part in path.name for part in given.only):
                rows += try_model(path.absolute(), given.data.absolute(), Path(folder) / path.stem, given.budget)
    crashed = [row for row in rows if row["crashed"]]
    print(json.dumps({"models": len({row["model"] for row in rows}), "crashed": len(crashed), "rows": rows}, indent=1))
    return 1 if crashed else 0


def light_models() -> list[Path]:
    """The real architectures among the onnx package's own test data."""
    import onnx.backend.test

    return sorted((Path(onnx.backend.test.__file__).parent / "data" / "light").glob("light_*.onnx"))


def try_model(path: Path, data: Path, scratch: Path, budget_s: int) -> list[dict[str, Any]]:
    """A row for the inspection and one for the optimization."""
    edgeyard = [sys.executable, "-m", "edgeyard"]
    inspected = run_tool([*edgeyard, "model", "inspect", str(path), "--json"], scratch / "inspect")
    print(f"{path.name}: inspected, {inspected.exit_code}", file=sys.stderr, flush=True)
    samples = samples_for(path, data, scratch / "sets")
    command = [
        *edgeyard, "optimize", str(path), "--data", str(samples), "--profile", "host", "--budget", f"{budget_s}s",
        "--max-drop", MAX_DROP, "--cache", str(scratch / "cache"), "--out", str(scratch / "out"), "--json",
    ]  # fmt: skip
    optimized = run_tool(command, scratch / "optimize")
    print(f"{path.name}: optimized, {optimized.exit_code}", file=sys.stderr, flush=True)
    row = row_of(path.name, "optimize", optimized) | picked_words(optimized)
    return [row_of(path.name, "inspect", inspected), row]


def samples_for(path: Path, data: Path, out: Path) -> Path:
    """The shared data where the model has some, else noise of the shape that its input takes."""
    for case in CASES:
        if case.file == path.name:
            make_sets(case, data, QUICK, out)
            return out / "pool.npz"
    import onnx

    out.mkdir(parents=True)
    graph = onnx.load(path, load_external_data=False).graph
    made = {tensor.name for tensor in graph.initializer}
    shape = [
        axis.dim_value or 1
        for axis in next(each for each in graph.input if each.name not in made).type.tensor_type.shape.dim
    ]
    noise = np.random.default_rng(1).standard_normal((NOISE_SAMPLES, *shape[1:])).astype(np.float32)
    np.savez(out / "noise.npz", x=noise)
    return out / "noise.npz"


def row_of(model: str, command: str, run: ToolRun) -> dict[str, Any]:
    """What is known of one command; `crashed` as the module says."""
    said = run.stdout + run.stderr
    crashed = run.exit_code not in DOCUMENTED or "Traceback (most recent call last)" in said or not said.strip()
    return {
        "model": model,
        "command": command,
        "exit_code": run.exit_code,
        "crashed": crashed,
        "wall_s": round(run.wall_s, 1),
        "peak_mb": round(run.peak_bytes / 1e6),
        "last_words": "" if run.exit_code == 0 else run.last_words,
    }


def picked_words(run: ToolRun) -> dict[str, Any]:
    """What was picked and why, and what was left out and why."""
    start = run.stdout.find("{")
    if start < 0:
        return {}
    said = json.loads(run.stdout[start:])
    picked = [
        {"name": each["name"], "latency_ratio": each.get("latency_ratio"), "why": each["reasons"].get(each["name"])}
        for each in said["picked"]
    ]
    left_out = {each["name"]: each["why"] for each in said["candidates"] if each["state"] == "left out"}
    return {"picked": picked, "left_out": left_out, "last_words": ""}


if __name__ == "__main__":
    raise SystemExit(main())
