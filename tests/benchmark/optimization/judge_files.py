"""Rows of what tools made of one model: accuracy on the same samples, latency of everything that loads, interleaved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmark.optimization.judge import ORIGINAL, Loaded, accuracy_row, load, measure, predict, ratio
from tests.benchmark.optimization.rival import Made


def judge_files(made: Sequence[Made], evaluation: Path, labelled: bool, seconds: float) -> list[dict[str, Any]]:
    """Accuracy on the same samples, then latency of everything that loads, interleaved."""
    with np.load(evaluation) as file:
        x, y = file["x"], file["y"] if labelled else None
    loaded: dict[str, Loaded] = {}
    failures = {each.name: each.failure or "it left no file" for each in made if each.path is None}
    for each in made:
        if each.path is not None:
            try:
                loaded[each.name] = load(each.path)
            except Exception as error:  # whatever a rival's file does to the runtime is its result
                failures[each.name] = f"onnxruntime does not load it: {str(error).strip()[-200:]}"
    classes = {name: predict(model, x) for name, model in loaded.items()}
    times = measure(loaded, x, seconds)
    rows = []
    for each in made:
        row: dict[str, Any] = {"tool": each.name, "version": each.version}
        if each.name in loaded:
            row |= {"size_bytes": each.size_bytes} | accuracy_row(classes[each.name], classes[ORIGINAL], y)
            row["latency_ratio"] = ratio(times, ORIGINAL, each.name)
            row["p50_us"] = round(float(np.median(times[each.name])) * 1e6, 1)
        else:
            row["failure"] = failures[each.name]
        if each.wall_s:
            row |= {
                "wall_s": round(each.wall_s, 1),
                "cpu_s": round(each.cpu_s, 1),
                "peak_mb": round(each.peak_bytes / 1e6),
            }
        rows.append(row | ({"said": each.said} if each.said else {}))
    return rows
