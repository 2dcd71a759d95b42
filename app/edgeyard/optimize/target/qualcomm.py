"""Models for Qualcomm's AI Engine Direct (QNN), converted by the converter of Qualcomm's own SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar.message import SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass, write_samples
from edgeyard.optimize.step import Settings, StepInput, Trait
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.target.fixed_batch import write_at_batch_one
from edgeyard.optimize.target.litert import floating_obstacle

_MODEL, _SAMPLES, _OUTPUT = "model.onnx", "samples.npy", "artifact.zip"


class QualcommSettings(Settings, frozen=True, kw_only=True):
    """What the Qualcomm pass can be told."""

    precision: Annotated[
        Literal["fp32", "int8"], Meta(description="Type of weights; the HTP accelerator wants int8.")
    ] = "int8"
    activation_bits: Annotated[Literal[8, 16], Meta(description="Bits of activations in int8.")] = 8
    samples: Annotated[int, Meta(ge=1, le=2000, description="Calibration samples.")] = 300
    time_limit_s: Annotated[float, Meta(ge=30, le=14_400, description="When the converter is ended.")] = 1800.0


class Qualcomm(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "qualcomm"
    title: ClassVar[str] = "Qualcomm"
    text: ClassVar[str] = (
        "Converts for Qualcomm's accelerators with qnn-onnx-converter where its SDK is installed. The result is built"
        " for the device with the same SDK, and was not run here."
    )
    settings_type: ClassVar[type[Settings]] = QualcommSettings
    sidecar: ClassVar[str] = "qualcomm"

    def trait(self, settings: QualcommSettings, source: Trait) -> Trait:
        """The converter's own quantization."""
        return Trait(settings.precision, "", "qnn", "qnn")

    def obstacle(self, settings: QualcommSettings, given: StepInput) -> str:
        """It starts from a floating ONNX model of a fixed size; int8 needs samples."""
        return floating_obstacle(given) or (
            "There is no calibration set." if settings.precision == "int8" and given.calibration is None else ""
        )

    def cost_s(self, settings: QualcommSettings, summary: ModelSummary, samples: int) -> float:
        """The converter runs the samples on the processor."""
        return 20.0 + min(samples, settings.samples) * summary.multiply_adds / 1e9

    def prepare(self, settings: QualcommSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model at batch 1, and samples."""
        write_at_batch_one(given.source, folder / _MODEL)
        inputs = {"model": _MODEL}
        wanted: dict[str, Any] = {
            "precision": settings.precision,
            "activation_bits": settings.activation_bits,
            "input_name": given.summary.input.name,
        }
        if settings.precision == "int8":
            if given.calibration is None:
                raise UserError("There is no calibration set.", "Add one: int8 needs value ranges.")
            wanted["samples"] = len(write_samples(given.calibration, folder / _SAMPLES, settings.samples, given.seed))
            inputs["samples"] = _SAMPLES
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs=inputs,
            output=_OUTPUT,
            settings=wanted,
            seed=given.seed,
            time_limit_s=settings.time_limit_s,
            memory_bytes=max(given.memory_bytes, 8 << 30),
        )
