"""Edgeyard's optimization beside other quantization tools, on the shared models, in one run. Prints one JSON object.

    python tests/benchmark/optimize.py --data DATA --environments CACHE [--quick] [--models resnet20 kws]

Beside `edgeyard optimize` stand plain ONNX Runtime quantization (its default, and unsigned activations), NNCF
(`quantize`, and `quantize_with_accuracy_control` with a tenth of a point to lose) and onnx-neural-compressor, each in
a virtual environment of its own, made in CACHE when it is first needed (`optimization/requirements/*.txt`).

`models`: for each model a row per tool: size (external data too), accuracy with its 95 % interval and what was lost
against fp32 on the same samples (points), `latency_ratio` to fp32 (batch 1, one thread; all files of a model side by
side in one process, `optimization/judge.py`), the seconds and the peak memory of the tool's whole process tree. Tools
see training images only, all the same ones; judged is on test images. `fp32-again` is the original measured a second
time: the noise. `histogram`: memory of histogram calibration. `pruning`: channels cut without training. `aims`: each
with its figure, and whether it is met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgeyard.optimize.host import host_facts
from tests.benchmark.optimization.aims import BUDGET, OURS, aims
from tests.benchmark.optimization.case import CASES, Case
from tests.benchmark.optimization.histogram import histogram_rows
from tests.benchmark.optimization.judge import AGAIN, ORIGINAL
from tests.benchmark.optimization.judge_files import judge_files
from tests.benchmark.optimization.ours import run_ours
from tests.benchmark.optimization.pruning import IMAGES, make_pruned, pruning_aims
from tests.benchmark.optimization.rival import RIVALS, Made, run_rival
from tests.benchmark.optimization.sample_sets import QUICK, Sizes, make_sets, more_images

QUICK_MODELS = ("resnet20", "kws")
BUDGET_DROP = 0.1
BUDGET_S = 60.0


def main() -> int:
    """Make the sets, run every tool, judge, print."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    given = read_arguments()
    wanted = given.models or (QUICK_MODELS if given.quick else [case.name for case in CASES])
    seconds = 5.0 if given.quick else 20.0
    result: dict[str, Any] = {
        "host": f"{host_facts().sentence}, {os.cpu_count()} cores",
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "quick": given.quick,
        "models": {},
    }
    with tempfile.TemporaryDirectory(prefix="edgeyard-benchmark-", ignore_cleanup_errors=True) as temporary:
        scratch = (given.keep or Path(temporary)).absolute()
        for case in CASES:
            if case.name in wanted:
                sizes = QUICK if given.quick else Sizes()
                result["models"][case.name] = compare(case, given, sizes, scratch / case.name, seconds)
        told("histograms")
        result["histogram"] = histogram_rows(
            CASES[0], given.data, given.environments, scratch / "histogram", with_deep_network=not given.quick
        )
        if "resnet20" in wanted and not given.quick:
            told("pruning")
            result["pruning"] = prune(CASES[0], given.data, scratch, seconds)
    result["aims"] = aims(result["models"], result["histogram"]) + pruning_aims(result.get("pruning", []))
    print(json.dumps(result, indent=1))
    return 0


def read_arguments() -> argparse.Namespace:
    """What was asked, with absolute paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with models/, cifar10/ and kws/")
    parser.add_argument("--environments", type=Path, required=True, help="where the tools' environments are kept")
    parser.add_argument("--quick", action="store_true", help="fewer images and two models")
    parser.add_argument("--models", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--keep", type=Path, help="an empty folder that keeps what the tools made")
    given = parser.parse_args()
    given.data, given.environments = given.data.absolute(), given.environments.absolute()
    return given


def compare(case: Case, given: argparse.Namespace, sizes: Sizes, scratch: Path, seconds: float) -> list[dict[str, Any]]:
    """Rows of one model: fp32, ours, the rivals."""
    model, sets = case.path(given.data), scratch / "sets"
    make_sets(case, given.data, sizes, sets)
    made = [Made(ORIGINAL, model, size_bytes=model.stat().st_size), Made(AGAIN, model)]
    made.append(run_ours(OURS, model, sets, scratch, case.max_drop, BUDGET_S))
    if case.labelled:
        made.append(run_ours(BUDGET, model, sets, scratch, BUDGET_DROP, BUDGET_S))
    for rival in RIVALS:
        told(f"{case.name}: {rival.name}")
        made.append(run_rival(rival, case, model, sets, given.environments, scratch))
    told(f"{case.name}: judging")
    rows = judge_files(made, sets / "evaluation.npz", case.labelled, seconds)
    for row in rows:
        told(f"  {row['tool']}: {row.get('latency_ratio')}×, {row.get('drop')} points lost, {row.get('wall_s')} s")
    return rows


def prune(case: Case, data: Path, scratch: Path, seconds: float) -> list[dict[str, Any]]:
    """Rows of the pruning table, the original first."""
    model, evaluation = case.path(data), scratch / case.name / "sets" / "evaluation.npz"
    images = more_images(case, data, IMAGES, scratch / "pruning")
    made = [Made(ORIGINAL, model, size_bytes=model.stat().st_size), *make_pruned(model, images, scratch / "pruning")]
    return judge_files(made, evaluation, case.labelled, seconds)


def told(text: str) -> None:
    """Progress, beside the JSON."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
