"""Core ML for Apple devices: written anywhere by coremltools in a sidecar, run on macOS and iOS only."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar.message import SidecarReply, SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.target.fixed_batch import write_at_batch_one
from edgeyard.optimize.target.litert import floating_obstacle

_MODEL, _OUTPUT = "model.onnx", "artifact.zip"
_MANIFEST = "model.mlpackage/Manifest.json"


class CoreMlSettings(Settings, frozen=True, kw_only=True):
    """What the Core ML pass can be told."""

    precision: Annotated[
        Literal["fp32", "fp16"], Meta(description="Arithmetic; the Neural Engine computes in fp16.")
    ] = "fp16"
    int8_weights: Annotated[bool, Meta(description="Store weights in 8 bits, one scale per channel.")] = False
    system: Annotated[
        Literal["iOS16", "iOS17", "iOS18"], Meta(description="Oldest system that is to run it (iOS16 is macOS 13).")
    ] = "iOS16"
    time_limit_s: Annotated[float, Meta(ge=10, le=3600, description="When the converter is ended.")] = 300.0


class CoreMl(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "coreml"
    title: ClassVar[str] = "Core ML"
    text: ClassVar[str] = (
        "Writes a Core ML package for Apple's processors, GPUs and Neural Engine. It is written on any system, but was"
        " not run: only Apple's systems run it."
    )
    settings_type: ClassVar[type[Settings]] = CoreMlSettings
    sidecar: ClassVar[str] = "coreml"

    def trait(self, settings: CoreMlSettings, source: Trait) -> Trait:
        """Weights in 8 bits are still computed with in fp16."""
        return Trait(settings.precision, "", "coreml", "coreml")

    def obstacle(self, settings: CoreMlSettings, given: StepInput) -> str:
        """It starts from a floating ONNX model of a fixed size."""
        return floating_obstacle(given)

    def cost_s(self, settings: CoreMlSettings, summary: ModelSummary, samples: int) -> float:
        """Loading coremltools, and its many passes over the program."""
        return 8.0 + 0.05 * len(summary.layers) + summary.parameters * 5e-8

    def prepare(self, settings: CoreMlSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model at batch 1."""
        write_at_batch_one(given.source, folder / _MODEL)
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs={"model": _MODEL},
            output=_OUTPUT,
            settings={
                "precision": settings.precision,
                "int8_weights": settings.int8_weights,
                "target": settings.system,
            },
            seed=given.seed,
            time_limit_s=settings.time_limit_s,
            memory_bytes=given.memory_bytes,
        )

    def finish(
        self, settings: CoreMlSettings, given: StepInput, folder: Path, reply: SidecarReply, out: Path
    ) -> StepOutput:
        """Take the package, if it is one."""
        try:
            with zipfile.ZipFile(folder / reply.output) as archive:
                complete = _MANIFEST in archive.namelist()
        except (zipfile.BadZipFile, OSError):
            complete = False
        if not complete:
            raise UserError("The converter left something that is no Core ML package.", "See its log.")
        return super().finish(settings, given, folder, reply, out)
