"""Plain ONNX Runtime quantization, as its guide shows it. Runs in an environment of its own.

python rival_onnxruntime.py REQUEST.json        (see `rival.py` for what is in it)
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    create_calibrator,
    quantize_static,
)

CALIBRATION_BATCH = 32
METHODS = {"entropy": CalibrationMethod.Entropy, "percentile": CalibrationMethod.Percentile}


class Reader(CalibrationDataReader):
    """Batches of the calibration samples."""

    def __init__(self, name: str, x: np.ndarray) -> None:
        self._batches = iter([{name: x[i : i + CALIBRATION_BATCH]} for i in range(0, len(x), CALIBRATION_BATCH)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, or nothing."""
        return next(self._batches, None)


def main() -> None:
    """Do what the request says and print what is known of it."""
    request = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(request["model"], options, providers=["CPUExecutionProvider"])
    reader = Reader(session.get_inputs()[0].name, np.load(request["calibration"])["x"])
    started = time.perf_counter()
    if request["mode"] in METHODS:
        folder = pathlib.Path(request["out"]).parent
        method = METHODS[request["mode"]]
        calibrator = create_calibrator(
            pathlib.Path(request["model"]), None, str(folder / "augmented.onnx"), calibrate_method=method
        )
        calibrator.collect_data(reader)
        calibrator.compute_data()
    else:
        u8s8 = request["mode"] == "u8s8"
        quantize_static(
            request["model"],
            request["out"],
            reader,
            per_channel=True,
            activation_type=QuantType.QUInt8 if u8s8 else QuantType.QInt8,
        )
    print(json.dumps({"version": f"onnxruntime {onnxruntime.__version__}", "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
