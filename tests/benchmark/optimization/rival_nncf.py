"""NNCF on an ONNX model: `quantize`, or `quantize_with_accuracy_control`. Runs in an environment of its own.

python rival_nncf.py REQUEST.json        (see `rival.py` for what is in it)
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Iterable
from typing import Any

import nncf
import numpy as np
import onnx
import onnxruntime

BATCH = 1
"""What its own examples do; the statistics of activations then are of single samples."""
VALIDATION_BATCH = 32


def main() -> None:
    """Do what the request says and print what is known of it."""
    request = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    model = onnx.load(request["model"])
    name = model.graph.input[0].name
    x = np.load(request["calibration"])["x"]
    calibration = nncf.Dataset([{name: x[i : i + BATCH]} for i in range(0, len(x), BATCH)])
    started = time.perf_counter()
    if request["mode"] == "accuracy-control":
        held = np.load(request["validation"])
        batches = [
            (held["x"][i : i + VALIDATION_BATCH], held["y"][i : i + VALIDATION_BATCH])
            for i in range(0, len(held["y"]), VALIDATION_BATCH)
        ]

        def validate(candidate: onnx.ModelProto, data: Iterable[Any]) -> tuple[float, list[float]]:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            session = onnxruntime.InferenceSession(
                candidate.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            hits = [session.run(None, {name: part})[0].argmax(1) == labels for part, labels in data]
            return float(np.concatenate(hits).mean()), [float(part.mean()) for part in hits]

        quantized = nncf.quantize_with_accuracy_control(
            model,
            calibration,
            nncf.Dataset(batches),
            validation_fn=validate,
            subset_size=len(x),
            max_drop=request["max_drop"],
            drop_type=nncf.DropType.ABSOLUTE,
        )
    else:
        quantized = nncf.quantize(model, calibration, subset_size=len(x))
    onnx.save(quantized, request["out"])
    print(json.dumps({"version": f"nncf {nncf.__version__}", "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
