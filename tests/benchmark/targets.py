"""Other runtimes beside ONNX Runtime, and training a pruned model. Prints JSON.

    python tests/benchmark/targets.py DATA [--models resnet20 kws] [--seconds 10] [--distil 300]

For each model int8 in ONNX Runtime, OpenVINO (from the same QDQ file, and bf16 and fp32) and LiteRT (its own
quantization of the same calibration samples): accuracy with its 95 % interval, the difference to ONNX int8 in points,
and the latency ratio to fp32 in ONNX Runtime, at batch 1 on one thread, all interleaved in one process. LiteRT needs
its sidecar (`edgeyard sidecar make litert`). With `--distil SECONDS`, ResNet-20 loses 25 % of each layer's inner
channels and is trained for so long by the sidecar `torch`, then quantized, then trained through its rounding for a
third of that time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.statistic import wilson_interval
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.host import host_facts
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.runtime.open_session import open_session, runtime_name
from edgeyard.optimize.runtime.session import RuntimeSession
from edgeyard.optimize.step import StepInput, Trait
from tests.benchmark.optimization.case import CASES, Case
from tests.benchmark.optimization.sample_sets import Sizes, make_sets, more_images

CALIBRATION = 300
TRAINING_IMAGES = 40_000
_BURST = 5
_TARGETS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("onnx int8", "fp32", "int8-static", {"form": "u8s8"}),
    ("openvino fp32", "fp32", "openvino", {}),
    ("openvino bf16", "fp32", "openvino", {"precision": "bf16"}),
    ("openvino int8", "onnx int8", "openvino", {}),
    ("litert fp32", "fp32", "litert", {"precision": "fp32"}),
    ("litert int8", "fp32", "litert", {}),
)


@dataclass
class Bench:
    """The files made so far, by name, and what is reported of them."""

    case: Case
    original: Path
    folder: Path
    calibration: Dataset
    paths: dict[str, tuple[Path, Trait]] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def make(self, name: str, source: str, kind: str, settings: dict[str, Any], samples: Dataset | None = None) -> None:
        """Run a pass; its row says what it took and made, or why it made nothing."""
        if source not in self.paths:
            self.rows[name] = {"refused": f"There is no {source}."}
            return
        each, (path, trait) = PASSES[kind], self.paths[source]
        out = self.folder / f"{name}.artifact"
        chosen = msgspec.convert(settings, each.settings_type)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            summary = inspect_model(self.original if trait.precision == "int8" else path)
            given = StepInput(
                path, summary, trait, samples or self.calibration, Path(scratch), budget_s=3600.0,
                memory_bytes=6 << 30, original=self.original,
            )  # fmt: skip
            try:
                done = each.run(chosen, given, out)
            except UserError as error:
                self.rows[name] = {"refused": f"{error.what} {error.todo}"}
                return
        self.rows[name] = {
            "seconds": round(time.monotonic() - started, 1),
            "size_bytes": out.stat().st_size,
            "notes": done.notes,
        }
        self.paths[name] = (out, each.trait(chosen, trait))


def main() -> int:
    """Make, measure, print."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with models/, cifar10/ and kws/")
    labelled = [case.name for case in CASES if case.labelled]
    parser.add_argument("--models", nargs="+", default=["resnet20", "kws"], choices=labelled)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long latencies are measured, for each model")
    parser.add_argument("--distil", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="for training")
    asked = parser.parse_args()
    result: dict[str, Any] = {"host": f"{host_facts().sentence}, {os.cpu_count()} cores", "models": {}}
    with tempfile.TemporaryDirectory(prefix="edgeyard-benchmark-") as folder:
        for case in CASES:
            if case.name in asked.models:
                result["models"][case.name] = _targets(case, asked, Path(folder) / case.name)
        if asked.distil:
            result["distilled"] = _distilled(asked, Path(folder) / "distilled")
    print(json.dumps(result, indent=1))
    return 0


def _targets(case: Case, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    make_sets(case, asked.data, Sizes(calibration=CALIBRATION, validation=0), folder)
    bench = _bench(case, asked.data, folder, _dataset(folder / "pool.npz"))
    for name, source, kind, settings in _TARGETS:
        bench.make(name, source, kind, settings)
    _judge(bench, _dataset(folder / "evaluation.npz"), asked.seconds, "onnx int8")
    return bench.rows


def _distilled(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    case = next(case for case in CASES if case.name == "resnet20")
    make_sets(case, asked.data, Sizes(calibration=1000, validation=0), folder)
    bench = _bench(case, asked.data, folder, _dataset(folder / "pool.npz"))
    many = _dataset(more_images(case, asked.data, TRAINING_IMAGES, folder))
    training = {"threads": asked.threads, "epochs": 20.0, "time_limit_s": asked.distil}
    bench.make("pruned", "fp32", "prune-channels", {"fraction": 0.25, "allocation": "uniform", "multiple_of": 1})
    bench.make("pruned int8", "pruned", "int8-static", {"form": "u8s8"})
    bench.make("distilled", "pruned", "fine-tune", training, many)
    bench.make("distilled int8", "distilled", "int8-static", {"form": "u8s8"})
    through = training | {"time_limit_s": asked.distil / 3, "learning_rate": 2e-4, "epochs": 2.0}
    bench.make("distilled int8 trained", "distilled int8", "fine-tune", through, many)
    _judge(bench, _dataset(folder / "evaluation.npz"), asked.seconds, "fp32")
    return bench.rows


def _bench(case: Case, data: Path, folder: Path, calibration: Dataset) -> Bench:
    bench = Bench(case, case.path(data), folder, calibration)
    bench.paths["fp32"] = (case.path(data), Trait())
    bench.rows["fp32"] = {"size_bytes": case.path(data).stat().st_size}
    return bench


def _judge(bench: Bench, evaluation: Dataset, seconds: float, beside: str) -> None:
    """Add accuracy, the difference to the row `beside`, and the latency ratio to fp32."""
    sessions = {name: open_session(path, trait) for name, (path, trait) in bench.paths.items()}
    hits = {name: session.scores(evaluation).argmax(1) == evaluation.y for name, session in sessions.items()}
    times = _measure(sessions, evaluation, seconds)
    for name, right in hits.items():
        low, high = wilson_interval(int(right.sum()), len(right))
        bench.rows[name] |= {
            "runtime": runtime_name(bench.paths[name][1]),
            "accuracy": round(100 * float(right.mean()), 2),
            "accuracy_interval": [round(100 * low, 2), round(100 * high, 2)],
            "latency_ratio": round(float(np.median(times["fp32"] / times[name])), 2),
        }
        if beside in hits:
            difference = 100 * (float(right.mean()) - float(hits[beside].mean()))
            bench.rows[name][f"points to {beside}"] = round(difference, 2)


def _measure(sessions: dict[str, RuntimeSession], samples: Dataset, seconds: float) -> dict[str, Any]:
    """The median of a burst for each round, runtimes interleaved."""
    x = next(samples.batches(16))
    times: dict[str, list[float]] = {name: [] for name in sessions}
    ends = time.perf_counter() + seconds
    turn = 0
    while time.perf_counter() < ends or turn < _BURST:
        sample = np.ascontiguousarray(x[turn % len(x)][None])
        for name, session in sessions.items():
            session.run(sample)
            burst = []
            for _ in range(_BURST):
                started = time.perf_counter()
                session.run(sample)
                burst.append(time.perf_counter() - started)
            times[name].append(float(np.median(burst)))
        turn += 1
    return {name: np.asarray(each) for name, each in times.items()}


def _dataset(path: Path) -> Dataset:
    """Samples as they go into the model."""
    with np.load(path) as file:
        return Dataset(file["x"], file.get("y"), Preprocessing(), "")


if __name__ == "__main__":
    sys.exit(main())
