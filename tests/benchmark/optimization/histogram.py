"""Memory of calibration by histograms (entropy, percentile) with many images: ours beside ONNX Runtime's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmark.optimization.aims import OURS
from tests.benchmark.optimization.case import Case
from tests.benchmark.optimization.deep_network import write_deep_network
from tests.benchmark.optimization.environment import EnvironmentMissingError, python_of
from tests.benchmark.optimization.rival import Made, ask
from tests.benchmark.optimization.sample_sets import more_images

IMAGES = 1024
METHODS = ("entropy", "percentile")


def histogram_rows(
    case: Case, data: Path, environments: Path, scratch: Path, with_deep_network: bool
) -> list[dict[str, Any]]:
    """A row for each calibrator and model: seconds and the peak memory of its process tree (it holds the images too).
    Ours quantizes with the ranges as well; ONNX Runtime only finds them.

    The models are that of `case` and, if asked for, one of the size of ResNet-56.
    """
    images = more_images(case, data, IMAGES, scratch)
    models = {case.name: case.path(data)}
    if with_deep_network:
        models["resnet56-random"] = scratch / "deep.onnx"
        write_deep_network(models["resnet56-random"])
    rows = []
    for name, model in models.items():
        for method in METHODS:
            request = {"model": str(model), "calibration": str(images), "mode": method}
            folder = scratch / name
            rows.append(_row(name, _ours(request, folder / f"{OURS}-{method}")))
            rows.append(_row(name, _onnxruntime(request, environments, folder / f"onnxruntime-{method}")))
    return rows


def _ours(request: Mapping[str, str], scratch: Path) -> Made:
    return ask(scratch.name, Path(sys.executable), "ours_histogram.py", {**request, "out": _out(scratch)}, scratch)


def _onnxruntime(request: Mapping[str, str], environments: Path, scratch: Path) -> Made:
    try:
        python = python_of("onnxruntime", environments)
    except EnvironmentMissingError as error:
        return Made(scratch.name, None, failure=f"Its environment could not be made: {error}")
    return ask(scratch.name, python, "rival_onnxruntime.py", {**request, "out": _out(scratch)}, scratch)


def _out(scratch: Path) -> str:
    (scratch / "out").mkdir(parents=True)
    return str(scratch / "out" / "model.onnx")


def _row(model: str, made: Made) -> dict[str, Any]:
    row = {"tool": made.name, "model": model, "images": IMAGES}
    if made.failure:
        return row | {"failure": made.failure}
    return row | {"wall_s": round(made.wall_s, 1), "peak_mb": round(made.peak_bytes / 1e6)}
