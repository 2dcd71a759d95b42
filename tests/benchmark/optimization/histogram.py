"""Memory of calibration by histograms (entropy, percentile) with many images: ours beside ONNX Runtime's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmark.optimization.case import Case
from tests.benchmark.optimization.environment import EnvironmentMissingError, python_of
from tests.benchmark.optimization.rival import Made, ask
from tests.benchmark.optimization.sample_sets import more_images

IMAGES = 1024
METHODS = ("entropy", "percentile")


def histogram_rows(case: Case, data: Path, environments: Path, scratch: Path) -> list[dict[str, Any]]:
    """A row for each calibrator: seconds and the peak memory of its process tree (it holds the images too)."""
    images = more_images(case, data, IMAGES, scratch)
    request = {"model": str(case.path(data)), "calibration": str(images)}
    rows = []
    try:
        python = python_of("onnxruntime", environments)
    except EnvironmentMissingError as error:
        return [{"tool": "onnxruntime", "failure": str(error)}]
    for method in METHODS:
        folder = scratch / method
        out = folder / "out" / "model.onnx"
        out.parent.mkdir(parents=True)
        made = ask(
            f"onnxruntime-{method}",
            python,
            "rival_onnxruntime.py",
            {**request, "out": str(out), "mode": method},
            folder,
        )
        rows.append(_row(made))
    return rows


def _row(made: Made) -> dict[str, Any]:
    row = {
        "tool": made.name,
        "images": IMAGES,
        "wall_s": round(made.wall_s, 1),
        "peak_mb": round(made.peak_bytes / 1e6),
    }
    return row | ({"failure": made.failure} if made.failure else {})
