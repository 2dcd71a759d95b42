"""onnx-neural-compressor's static quantization. Runs in an environment of its own.

python rival_neural_compressor.py REQUEST.json        (see `rival.py` for what is in it)
"""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy as np
import onnx
from onnx_neural_compressor import data_reader
from onnx_neural_compressor.quantization import QuantFormat, config, quantize

CALIBRATION_BATCH = 32


class Reader(data_reader.CalibrationDataReader):
    """Batches of the calibration samples."""

    def __init__(self, name: str, x: np.ndarray) -> None:
        self._all = [{name: x[i : i + CALIBRATION_BATCH]} for i in range(0, len(x), CALIBRATION_BATCH)]
        self.rewind()

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, or nothing."""
        return next(self._left, None)

    def rewind(self) -> None:
        """Start over."""
        self._left = iter(self._all)


def main() -> None:
    """Do what the request says and print what is known of it."""
    request = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    name = onnx.load(request["model"]).graph.input[0].name
    reader = Reader(name, np.load(request["calibration"])["x"])
    started = time.perf_counter()
    form = QuantFormat.QDQ if request["mode"] == "qdq" else QuantFormat.QOperator
    quantize(request["model"], request["out"], config.StaticQuantConfig(reader, quant_format=form))
    version = importlib.metadata.version("onnx-neural-compressor")
    print(json.dumps({"version": f"onnx-neural-compressor {version}", "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
