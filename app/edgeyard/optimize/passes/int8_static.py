"""Static int8: weights per channel, activations per tensor by the ranges seen on calibration samples."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

MIN_OPSET = 13
_BATCH_BYTES = 64 << 20
_MAX_BATCH = 32
_QUANTIZABLE = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class StaticInt8Settings(Settings, frozen=True):
    """Types, layout and calibration."""

    form: Annotated[
        Literal["u8s8", "u8s7", "s8s8"],
        Meta(
            description="types of activations and weights: u8s8 for x86 with VNNI, u8s7 (weights in 7 bits) for x86"
            " without, s8s8 for Arm"
        ),
    ] = "u8s8"
    layout: Annotated[
        Literal["qdq", "qoperator"],
        Meta(description="qdq: float operators between quantizing ones; qoperator: integer operators"),
    ] = "qdq"
    per_channel: Annotated[bool, Meta(description="one weight scale per output channel")] = True
    calibration: Annotated[
        Literal["minmax", "entropy", "percentile"], Meta(description="how ranges are taken from what was seen")
    ] = "minmax"
    samples: Annotated[int, Meta(ge=1, le=10_000, description="calibration samples at most")] = 300


class StaticInt8:
    """onnxruntime's static quantization; which `form` suits which hardware is said in its quantization guide."""

    kind: ClassVar[str] = "int8-static"
    title: ClassVar[str] = "Static int8"
    text: ClassVar[str] = (
        "Weights and activations in 8 bits, activation ranges fixed from calibration samples. A quarter of the size,"
        " and faster where the processor multiplies int8 natively."
    )
    settings_type: ClassVar[type[Settings]] = StaticInt8Settings

    def trait(self, settings: StaticInt8Settings, source: Trait) -> Trait:
        """int8 of that form."""
        return replace(source, precision="int8", form=settings.form)

    def obstacle(self, settings: StaticInt8Settings, given: StepInput) -> str:
        """Needs calibration samples, an opset with scales per channel, and something to quantize."""
        summary = given.summary
        if summary.already_quantized:
            return "The model is quantized already."
        if settings.per_channel and summary.opset < MIN_OPSET:
            return f"Opset {summary.opset} has no scales per channel: export the model with opset {MIN_OPSET} or later."
        if not any(operator in summary.operators for operator in _QUANTIZABLE):
            return "There is no convolution or matrix product in it to quantize."
        if given.calibration is None:
            return "There is no calibration set."
        return ""

    def cost_s(self, settings: StaticInt8Settings, summary: ModelSummary, samples: int) -> float:
        """Calibration runs every sample once in 32 bits, about 2e10 multiply-adds a second on one core."""
        return 0.4 + min(samples, settings.samples) * summary.multiply_adds / 2e10 + summary.parameters / 2e7

    def run(self, settings: StaticInt8Settings, given: StepInput, out: Path) -> StepOutput:
        """Fold constants, calibrate, quantize, write."""
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        assert given.calibration is not None, "obstacle() was not asked"
        samples = given.calibration.first(settings.samples)
        with contextlib.redirect_stdout(io.StringIO()):
            folded, quantized = given.scratch / "folded.onnx", given.scratch / "quantized.onnx"
            # Symbolic shape inference would need sympy, and helps transformers only.
            quant_pre_process(str(given.source), str(folded), skip_symbolic_shape=True)
            quantize_static(
                str(folded),
                str(quantized),
                _reader(given.summary, samples),
                quant_format=QuantFormat.QDQ if settings.layout == "qdq" else QuantFormat.QOperator,
                activation_type=QuantType.QInt8 if settings.form == "s8s8" else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=settings.per_channel,
                reduce_range=settings.form == "u8s7",
                calibrate_method={
                    "minmax": CalibrationMethod.MinMax,
                    "entropy": CalibrationMethod.Entropy,
                    "percentile": CalibrationMethod.Percentile,
                }[settings.calibration],
            )
            write_model(onnx.load(quantized, load_external_data=False), out)
        return StepOutput((f"Calibrated on {len(samples)} samples.",))


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
