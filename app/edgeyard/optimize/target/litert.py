"""LiteRT (.tflite) from ONNX: onnx2tf writes the floating model, ai-edge-quantizer makes int8 of it, in a sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.runtime.litert_session import MAGIC
from edgeyard.optimize.sidecar.message import SidecarReply, SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass, write_samples
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.target.fixed_batch import write_at_batch_one

_MODEL, _SAMPLES, _OUTPUT = "model.onnx", "samples.npy", "artifact.tflite"


class LiteRtSettings(Settings, frozen=True, kw_only=True):
    """What the LiteRT pass can be told."""

    precision: Annotated[Literal["fp32", "fp16", "int8"], Meta(description="Type of weights and arithmetic.")] = "int8"
    samples: Annotated[int, Meta(ge=1, le=10_000, description="Calibration samples for int8.")] = 300
    calibration: Annotated[
        Literal["min-max", "moving-average"],
        Meta(description="Value ranges: all that was seen, or a moving average of each sample's extremes."),
    ] = "min-max"
    float_io: Annotated[bool, Meta(description="Keep float32 inputs and outputs; accelerators want int8.")] = False
    time_limit_s: Annotated[float, Meta(ge=10, le=3600, description="When the converter is ended.")] = 300.0


class LiteRt(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT"
    text: ClassVar[str] = (
        "Writes a .tflite file for LiteRT, in fp32, fp16 or static int8. Phones, processors with small NPUs and Coral"
        " run nothing else."
    )
    settings_type: ClassVar[type[Settings]] = LiteRtSettings
    sidecar: ClassVar[str] = "litert"

    def trait(self, settings: LiteRtSettings, source: Trait) -> Trait:
        """int8 is signed on both sides, as LiteRT's specification has it."""
        form = "s8s8" if settings.precision == "int8" else ""
        return Trait(settings.precision, form, "tflite", "litert")

    def obstacle(self, settings: LiteRtSettings, given: StepInput) -> str:
        """It starts from a floating ONNX model of a fixed size."""
        return floating_obstacle(given) or (
            "There is no calibration set." if settings.precision == "int8" and given.calibration is None else ""
        )

    def cost_s(self, settings: LiteRtSettings, summary: ModelSummary, samples: int) -> float:
        """About three seconds to start, and for int8 each sample once, every tensor looked at."""
        used = min(samples, settings.samples) if settings.precision == "int8" else 0
        return 6.0 + summary.parameters * 5e-8 + used * (0.004 + summary.multiply_adds / 2e9)

    def prepare(self, settings: LiteRtSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model and the samples to calibrate on."""
        write_at_batch_one(given.source, folder / _MODEL)
        inputs = {"model": _MODEL}
        if settings.precision == "int8":
            if given.calibration is None:
                raise UserError("There is no calibration set.", "Add one: int8 needs value ranges.")
            write_samples(given.calibration, folder / _SAMPLES, settings.samples, given.seed)
            inputs["samples"] = _SAMPLES
        wanted: dict[str, Any] = {
            "precision": settings.precision,
            "calibration": settings.calibration,
            "float_io": settings.float_io,
            "input_name": given.summary.input.name,
        }
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs=inputs,
            output=_OUTPUT,
            settings=wanted,
            seed=given.seed,
            time_limit_s=settings.time_limit_s,
            memory_bytes=given.memory_bytes,
        )

    def finish(
        self, settings: LiteRtSettings, given: StepInput, folder: Path, reply: SidecarReply, out: Path
    ) -> StepOutput:
        """Take the file, if it is one."""
        with (folder / reply.output).open("rb") as file:
            if file.read(8)[4:] != MAGIC:
                raise UserError("The converter left something that is no LiteRT model.", "See its log.")
        return super().finish(settings, given, folder, reply, out)


def floating_obstacle(given: StepInput) -> str:
    """Why a converter that wants a floating ONNX model of fixed size cannot take this one; empty when it can."""
    if given.trait.file_format != "onnx":
        return f"It starts from an ONNX model, not from {given.trait.file_format}."
    if given.trait.precision != "fp32" or given.summary.already_quantized:
        return "It starts from a model in fp32: start this step from one that is not quantized."
    if given.summary.dynamic_axes:
        return f"Only the batch axis may be free, but {given.summary.dynamic_axes[0]} is too."
    return ""
