"""TensorRT engines, built by NVIDIA's own tool on a machine with the GPU that is to run them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.optimize.sidecar.message import SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass
from edgeyard.optimize.step import Settings, StepInput, Trait
from edgeyard.optimize.summary import ModelSummary

_MODEL, _OUTPUT = "model.onnx", "artifact.engine"


class TensorRtSettings(Settings, frozen=True, kw_only=True):
    """What the TensorRT pass can be told."""

    precision: Annotated[
        Literal["keep", "fp16"], Meta(description="`keep`: fp32 as it is, int8 from a QDQ model; or fp16.")
    ] = "fp16"
    workspace_mib: Annotated[int, Meta(ge=16, le=65_536, description="GPU memory that building may use.")] = 1024
    time_limit_s: Annotated[float, Meta(ge=30, le=14_400, description="When building is ended.")] = 1800.0


class TensorRt(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "tensorrt"
    title: ClassVar[str] = "TensorRT"
    text: ClassVar[str] = (
        "Builds an engine with NVIDIA's trtexec where it is installed. An engine runs only on the kind of GPU and the"
        " version of TensorRT that built it: build on the device, or on one like it."
    )
    settings_type: ClassVar[type[Settings]] = TensorRtSettings
    sidecar: ClassVar[str] = "tensorrt"

    def trait(self, settings: TensorRtSettings, source: Trait) -> Trait:
        """An engine."""
        return Trait(_precision(settings, source), source.form, "engine", "tensorrt")

    def obstacle(self, settings: TensorRtSettings, given: StepInput) -> str:
        """TensorRT takes floating ONNX, or int8 that is signed on both sides."""
        if given.trait.file_format != "onnx":
            return f"It starts from ONNX, not from {given.trait.file_format}."
        if given.trait.precision == "int8" and given.trait.form != "s8s8":
            return "TensorRT quantizes activations and weights as signed numbers: start it from an s8s8 model."
        if given.trait.precision not in {"fp32", "int8"} or (
            given.trait.precision == "int8" and settings.precision == "fp16"
        ):
            return f"A model in {given.trait.precision} is not turned into {settings.precision}."
        return "Only the batch axis may be free." if given.summary.dynamic_axes else ""

    def cost_s(self, settings: TensorRtSettings, summary: ModelSummary, samples: int) -> float:
        """Every layer's kernels are timed."""
        return 15.0 + 0.5 * len(summary.layers)

    def prepare(self, settings: TensorRtSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model as it is; a free batch axis is fixed by the builder."""
        shutil.copyfile(given.source, folder / _MODEL)
        entry = given.summary.input
        sizes = "x".join(str(size or 1) for size in entry.shape)
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs={"model": _MODEL},
            output=_OUTPUT,
            settings={
                "precision": _precision(settings, given.trait),
                "shape": f"{entry.name}:{sizes}" if given.summary.batch is None else "",
                "workspace_mib": settings.workspace_mib,
            },
            seed=given.seed,
            time_limit_s=settings.time_limit_s,
            memory_bytes=max(given.memory_bytes, 8 << 30),
        )


def _precision(settings: TensorRtSettings, source: Trait) -> str:
    return source.precision if settings.precision == "keep" else settings.precision
