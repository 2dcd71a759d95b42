"""What is gained without training: fewer channels, zeros, lower ranks and early exits. Prints one JSON object.

    python tests/benchmark/prune.py DATA [--models resnet20 kws] [--fractions 0.125 0.25 0.5] [--seconds 20]

Channels, a row per fraction and way: `magnitude` (the smallest filters go, nothing is refitted), `chosen` (by
reconstruction error, nothing is refitted), `recovered` (refitted; the same fraction of every layer's inner channels),
`balanced` (the pass as it comes: the fraction is of multiply-adds, widths are multiples of 8), `blocks` (the same in
multiples of 16), and the last three in static int8 on top. `zeros …`: single weights, without and with refitting.
`low rank`: convolutions too. `early exit`: one point may be lost.

Calibration sees training images only, accuracy is of test images with its 95 % interval and what was lost against fp32
(points), `latency_ratio` is fp32 ÷ variant at batch 1 on one thread, all files of a model interleaved in one process;
`fp32-again` is the noise. `mean_ratio` is of mean latencies over different samples: what an early exit gains.
`faster`: whether one of the two is more than 2 % above that of `fp32-again`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.step import StepInput, StepOutput, Trait
from tests.benchmark.optimization.case import CASES, Case
from tests.benchmark.optimization.judge import AGAIN, ORIGINAL, Loaded, accuracy_row, load, measure, predict, ratio
from tests.benchmark.optimization.sample_sets import Sizes, make_sets

WAYS: dict[str, dict[str, Any]] = {
    "magnitude": {"allocation": "uniform", "multiple_of": 1, "score": "magnitude", "recover": False},
    "chosen": {"allocation": "uniform", "multiple_of": 1, "recover": False},
    "recovered": {"allocation": "uniform", "multiple_of": 1},
    "balanced": {},
    "blocks": {"multiple_of": 16},
}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "zeros 50 % plain": ("prune-weights", {"sparsity": 0.5, "recover": False}),
    "zeros 50 %": ("prune-weights", {"sparsity": 0.5}),
    "zeros 75 %": ("prune-weights", {"sparsity": 0.75}),
    "zeros 2:4 plain": ("prune-weights", {"pattern": "2:4", "recover": False}),
    "zeros 2:4": ("prune-weights", {"pattern": "2:4"}),
    "low rank": ("low-rank", {"convolutions": True}),
    "early exit": ("early-exit", {"max_drop": 0.01, "min_saving": 0.01}),
}
ALSO_INT8 = ("recovered", "balanced", "blocks")
SAMPLES = 1000
CLEARLY = 0.02


def main() -> int:
    """Prune, measure, print."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with models/, cifar10/ and kws/")
    parser.add_argument("--models", nargs="+", default=["resnet20"], choices=[case.name for case in CASES])
    parser.add_argument("--fractions", nargs="+", type=float, default=[0.125, 0.25, 0.5])
    parser.add_argument("--calibration", type=int, default=2000, help="training images")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long latencies are measured, for each model")
    asked = parser.parse_args()
    result: dict[str, Any] = {"host": f"{host_facts().sentence}, {os.cpu_count()} cores", "models": {}}
    with tempfile.TemporaryDirectory(prefix="edgeyard-benchmark-") as folder:
        for case in CASES:
            if case.name in asked.models:
                result["models"][case.name] = table(case, asked, Path(folder) / case.name)
    print(json.dumps(result, indent=1))
    return 0


def table(case: Case, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The rows of one model, by name."""
    make_sets(case, asked.data, Sizes(calibration=asked.calibration, validation=0), folder)
    calibration = dataset(folder / "pool.npz")
    rows: dict[str, dict[str, Any]] = {ORIGINAL: {}, AGAIN: {}}
    paths = {ORIGINAL: case.path(asked.data), AGAIN: case.path(asked.data)}
    add(rows, paths, "int8", PASSES["int8-static"], paths[ORIGINAL], calibration, folder, {})
    for fraction in asked.fractions:
        for way, settings in WAYS.items():
            name = f"{fraction:g} {way}"
            chosen = {"fraction": fraction, "samples": SAMPLES} | settings
            add(rows, paths, name, PASSES["prune-channels"], paths[ORIGINAL], calibration, folder, chosen)
            if name in paths and way in ALSO_INT8:
                add(rows, paths, f"{name} int8", PASSES["int8-static"], paths[name], calibration, folder, {})
    for name, (kind, settings) in OTHERS.items():
        add(rows, paths, name, PASSES[kind], paths[ORIGINAL], calibration, folder, settings)
    loaded = {name: load(path) for name, path in paths.items()}
    judge(rows, loaded, dataset(folder / "evaluation.npz"), asked.seconds)
    return rows


def add(
    rows: dict[str, dict[str, Any]],
    paths: dict[str, Path],
    name: str,
    each: Any,
    source: Path,
    calibration: Dataset,
    folder: Path,
    settings: dict[str, Any],
) -> None:
    """Run a pass; its row says what it took and made, or why it made nothing."""
    out, scratch = folder / f"{name}.onnx", folder / "scratch"
    scratch.mkdir(exist_ok=True)
    given = StepInput(source, inspect_model(source), Trait(), calibration, scratch, budget_s=600.0)
    chosen = msgspec.convert(settings, each.settings_type)
    started = time.process_time()
    try:
        done: StepOutput = each.run(chosen, given, out)
    except UserError as error:
        rows[name] = {"refused": error.what}
        return
    seconds = round(time.process_time() - started, 1)
    rows[name] = {"processor_s": seconds, "size_bytes": out.stat().st_size}
    if "multiply_adds_before" in done.figures:
        whole = given.summary.multiply_adds
        gone = done.figures["multiply_adds_before"] - done.figures["multiply_adds_after"]
        rows[name] |= {
            "multiply_adds_left": round(1 - gone / whole, 3),
            "widths": [after for _, after in done.figures["widths"].values()],
        }
    for key in ("compressed_bytes_before", "compressed_bytes_after", "chosen"):
        if key in done.figures:
            rows[name][key] = done.figures[key]
    paths[name] = out


def judge(rows: dict[str, dict[str, Any]], loaded: dict[str, Loaded], evaluation: Dataset, seconds: float) -> None:
    """Add accuracy and latency to the rows."""
    original = predict(loaded[ORIGINAL], evaluation.x)
    times = measure(loaded, evaluation.x, seconds)
    noise = max(1.0, ratio(times, ORIGINAL, AGAIN), float(times[ORIGINAL].mean() / times[AGAIN].mean()))
    for name, model in loaded.items():
        rows[name] |= accuracy_row(predict(model, evaluation.x), original, evaluation.y)
        rows[name]["latency_ratio"] = ratio(times, ORIGINAL, name)
        rows[name]["mean_ratio"] = round(float(times[ORIGINAL].mean() / times[name].mean()), 3)
        rows[name]["faster"] = max(rows[name]["latency_ratio"], rows[name]["mean_ratio"]) > noise + CLEARLY


def dataset(path: Path) -> Dataset:
    """Samples as they go into the model."""
    with np.load(path) as file:
        return Dataset(file["x"], file.get("y"), Preprocessing(), "")


if __name__ == "__main__":
    sys.exit(main())
