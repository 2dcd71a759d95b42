"""The passes of the first cut, as the first pipeline calls them. They go when the engine has taken over."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.hardware import HardwareProfile
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.declaration import Pass, PassResult
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.summary import ModelSummary

MIN_OPSET = 13
CALIBRATION_SAMPLES = 300
_BATCH_BYTES = 64 << 20
_MAX_BATCH = 32
_QUANTIZABLE = ("Conv", "ConvTranspose", "Gemm", "MatMul")

_FORM_TITLES = {
    "s8s8": "8-bit for Arm (S8S8)",
    "u8s8": "8-bit for x86 with VNNI (U8S8)",
    "u8s7": "8-bit for x86 without VNNI (U8S8, weights in 7 bits)",
}


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes are copied, not written anew, so that the variant's digest is the source's."""

    id: str = "fp32"
    title: str = "Original"
    precision: str = "fp32"
    form: str = ""

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """There is nothing to set."""
        return {}

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        """None, ever."""
        return ""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        """Copy the file."""
        shutil.copyfile(source, out)
        return PassResult()


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


@dataclass(frozen=True, slots=True)
class StaticInt8:
    """onnxruntime's static quantization; which `form` suits which hardware is said in its quantization guide.

    `activation` is the name of onnxruntime's `QuantType`. Weights are always signed.
    """

    form: str
    activation: str
    reduce_range: bool
    precision: str = "int8"

    @property
    def id(self) -> str:
        """`int8-` and the form."""
        return f"int8-{self.form}"

    @property
    def title(self) -> str:
        """Says for which processors."""
        return _FORM_TITLES[self.form]

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """Calibration is by the smallest and largest value seen (MinMax)."""
        return {
            "format": "QDQ",
            "activation": self.activation,
            "weight": "QInt8",
            "per_channel": True,
            "reduce_range": self.reduce_range,
            "calibration": "MinMax",
            "samples": CALIBRATION_SAMPLES,
        }

    def obstacle(self, summary: ModelSummary, calibration: Dataset | None) -> str:
        """Needs calibration samples, an opset with scales per channel, and something to quantize."""
        if summary.already_quantized:
            return "The model is quantized already."
        if summary.opset < MIN_OPSET:
            return f"Opset {summary.opset} has no scales per channel: export the model with opset {MIN_OPSET} or later."
        if not any(operator in summary.operators for operator in _QUANTIZABLE):
            return "There is no convolution or matrix product in it to quantize."
        if calibration is None:
            return "There is no calibration set."
        return ""

    def run(self, source: Path, out: Path, summary: ModelSummary, calibration: Dataset | None) -> PassResult:
        """Fold constants, calibrate, quantize, write."""
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        assert calibration is not None, "obstacle() was not asked"
        samples = calibration.first(CALIBRATION_SAMPLES)
        with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
            folded, quantized = Path(scratch) / "folded.onnx", Path(scratch) / "quantized.onnx"
            # Symbolic shape inference would need sympy, and helps transformers only.
            quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
            quantize_static(
                str(folded),
                str(quantized),
                _reader(summary, samples),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType[self.activation],
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=self.reduce_range,
                calibrate_method=CalibrationMethod.MinMax,
            )
            write_model(onnx.load(quantized, load_external_data=False), out)
        return PassResult((f"Calibrated on {len(samples)} samples.",))


def _reader(summary: ModelSummary, samples: Dataset) -> Any:
    """Batches for onnxruntime, so small that their largest tensor stays under 64 MiB."""
    from onnxruntime.quantization import CalibrationDataReader

    fitting = max(1, min(_MAX_BATCH, _BATCH_BYTES // max(1, summary.largest_tensor_bytes)))
    batches: Iterator[NDArray[np.float32]] = samples.batches(summary.batch or fitting)

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package ships no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(batches, None)
            return None if batch is None else {summary.input.name: batch}

    return Reader()


FIRST_CUT: tuple[Pass, ...] = (
    Original(),
    Float16(),
    StaticInt8("u8s8", activation="QUInt8", reduce_range=False),
    StaticInt8("u8s7", activation="QUInt8", reduce_range=True),
    StaticInt8("s8s8", activation="QInt8", reduce_range=False),
)
"""The original first: everything is measured against it."""


def passes_for(profiles: Iterable[HardwareProfile]) -> tuple[Pass, ...]:
    """The passes whose result at least one of the profiles could run, the original always among them."""
    wanted = tuple(profiles)
    return tuple(
        each
        for each in FIRST_CUT
        if each.id == "fp32"
        or any(each.precision in profile.precisions and each.form in {"", profile.int8_form} for profile in wanted)
    )
