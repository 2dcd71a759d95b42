"""Half precision: weights and arithmetic in 16 bits, inputs and outputs still in float32."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.declaration import PassResult
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.summary import ModelSummary


@dataclass(frozen=True, slots=True)
class Float16:
    """onnxruntime's own conversion (`onnxruntime.transformers.float16`), which keeps what 16 bits cannot hold in 32."""

    id: str = "fp16"
    title: str = "Half precision"
    precision: str = "fp16"
    form: str = ""

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """Inputs and outputs keep their type, so that devices feed every variant alike."""
        return {"keep_io_types": True}

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        """A quantized model has nothing left to halve."""
        return "The model is quantized already." if summary.already_quantized else ""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        """Convert the file."""
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        with warnings.catch_warnings():
            # One warning per weight outside the range of 16 bits; the accuracy measured afterwards says what it cost.
            warnings.simplefilter("ignore")
            model = convert_float_to_float16(onnx.load(source, load_external_data=False), keep_io_types=True)
        write_model(model, out)
        return PassResult()
