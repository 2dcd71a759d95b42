"""HEF files for Hailo accelerators, compiled by Hailo's own Dataflow Compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar.message import SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass, write_samples
from edgeyard.optimize.step import Settings, StepInput, Trait
from edgeyard.optimize.summary import ModelSummary
from edgeyard.optimize.target.fixed_batch import write_at_batch_one
from edgeyard.optimize.target.litert import floating_obstacle

_MODEL, _SAMPLES, _OUTPUT = "model.onnx", "samples.npy", "artifact.hef"


class HailoSettings(Settings, frozen=True, kw_only=True):
    """What the Hailo pass can be told."""

    chip: Annotated[
        Literal["hailo8", "hailo8l", "hailo10h", "hailo15h", "hailo15m"], Meta(description="Which chip it is for.")
    ] = "hailo8l"
    samples: Annotated[int, Meta(ge=1, le=10_000, description="Calibration samples; Hailo advises 1,024.")] = 1024
    time_limit_s: Annotated[float, Meta(ge=60, le=36_000, description="When the compiler is ended.")] = 7200.0


class Hailo(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "hailo"
    title: ClassVar[str] = "Hailo"
    text: ClassVar[str] = (
        "Quantizes and compiles for Hailo-8 and Hailo-8L with Hailo's own compiler where it is installed. The file runs"
        " only on that chip, and was not run here."
    )
    settings_type: ClassVar[type[Settings]] = HailoSettings
    sidecar: ClassVar[str] = "hailo"

    def trait(self, settings: HailoSettings, source: Trait) -> Trait:
        """Always int8."""
        return Trait("int8", "", "hef", "hailort")

    def obstacle(self, settings: HailoSettings, given: StepInput) -> str:
        """It starts from a floating ONNX model of a fixed size, and needs samples."""
        return floating_obstacle(given) or ("There is no calibration set." if given.calibration is None else "")

    def cost_s(self, settings: HailoSettings, summary: ModelSummary, samples: int) -> float:
        """Minutes: it places every layer on the chip."""
        return 120.0 + 5.0 * len(summary.layers)

    def prepare(self, settings: HailoSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model at batch 1, and samples with channels last, as Hailo's tools take them."""
        if given.calibration is None:
            raise UserError("There is no calibration set.", "Add one: the compiler quantizes.")
        write_at_batch_one(given.source, folder / _MODEL)
        write_samples(given.calibration, folder / _SAMPLES, settings.samples, given.seed)
        if given.calibration.preprocessing.layout == "NCHW":
            samples = np.load(folder / _SAMPLES, allow_pickle=False)
            np.save(folder / _SAMPLES, np.ascontiguousarray(samples.transpose(0, 2, 3, 1)))
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs={"model": _MODEL, "samples": _SAMPLES},
            output=_OUTPUT,
            settings={"architecture": settings.chip},
            seed=given.seed,
            time_limit_s=settings.time_limit_s,
            memory_bytes=max(given.memory_bytes, 16 << 30),
        )
