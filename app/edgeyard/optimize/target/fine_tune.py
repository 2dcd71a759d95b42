"""Train a pruned or quantized model a little further, with the original as its teacher, in the sidecar for PyTorch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.sidecar.message import SidecarReply, SidecarRequest
from edgeyard.optimize.sidecar.sidecar_pass import SidecarPass, step_output, write_samples
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

MIN_SAMPLES = 64
_MODEL, _TEACHER, _SAMPLES, _LABELS, _OUTPUT = (
    "model.onnx",
    "teacher.onnx",
    "samples.npy",
    "labels.npy",
    "artifact.onnx",
)
_COLOURS = 3
_GRACE_S = 120.0
"""Beyond the training itself: loading PyTorch, looking at held-out samples, writing."""
_MULTIPLY_ADDS_A_SECOND = 8e9
"""Of training in 32 bits on one core, about."""


class FineTuneSettings(Settings, frozen=True, kw_only=True):
    """What the training pass can be told."""

    epochs: Annotated[float, Meta(gt=0, le=1000, description="Passes over the samples, if the time allows.")] = 5.0
    time_limit_s: Annotated[float, Meta(ge=5, le=86_400, description="When training ends, finished or not.")] = 300.0
    samples: Annotated[int, Meta(ge=MIN_SAMPLES, le=1_000_000, description="Samples to train on.")] = 50_000
    batch: Annotated[int, Meta(ge=1, le=4096, description="Samples a step.")] = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1, description="Of Adam, at the start; it falls to 0.")] = 1e-3
    label_share: Annotated[
        float, Meta(ge=0, le=1, description="How much the labels count beside the original model's answers.")
    ] = 0.3
    feature_share: Annotated[
        float, Meta(ge=0, le=100, description="How much the inner tensors count that both models have.")
    ] = 1.0
    temperature: Annotated[float, Meta(ge=1, le=100, description="Softens the original's answers.")] = 4.0
    augment: Annotated[bool, Meta(description="Mirror and move images at random.")] = True
    shift: Annotated[int, Meta(ge=0, le=64, description="Pixels that images are moved by at most.")] = 2
    held_out: Annotated[
        float, Meta(gt=0, le=0.5, description="Share of the samples that only chooses the best state.")
    ] = 0.1
    half: Annotated[
        bool, Meta(description="Train in bfloat16 where the processor has it; quantized models never are.")
    ] = True
    threads: Annotated[int, Meta(ge=1, le=256, description="Processor cores to train on.")] = 2


class FineTune(SidecarPass):
    """See `text`."""

    kind: ClassVar[str] = "fine-tune"
    title: ClassVar[str] = "Fine-tuning"
    text: ClassVar[str] = (
        "Trains a pruned or quantized model further, taught by the original (distillation) and by labels where there"
        " are any. The graph stays as it is: only weights change. Wants thousands of samples and minutes."
    )
    settings_type: ClassVar[type[Settings]] = FineTuneSettings
    sidecar: ClassVar[str] = "torch"

    def trait(self, settings: FineTuneSettings, source: Trait) -> Trait:
        """As before: weights are written back in the types that they had."""
        return source

    def obstacle(self, settings: FineTuneSettings, given: StepInput) -> str:
        """Needs an ONNX model with a free batch axis, and samples."""
        if given.trait.file_format != "onnx":
            return f"It trains ONNX models, not {given.trait.file_format}."
        if given.trait.precision not in {"fp32", "int8"}:
            return f"It does not train in {given.trait.precision}."
        if given.summary.batch is not None:
            return "The model takes one sample at a time: export it with a free batch axis to train it."
        if given.calibration is None or len(given.calibration) < MIN_SAMPLES:
            count = 0 if given.calibration is None else len(given.calibration)
            return f"There are {count} samples to train on; it takes at least {MIN_SAMPLES}, better thousands."
        return ""

    def cost_s(self, settings: FineTuneSettings, summary: ModelSummary, samples: int) -> float:
        """Forward and backward of the model, forward of the teacher; never longer than the limit."""
        work = 4.0 * summary.multiply_adds * min(samples, settings.samples) * settings.epochs
        return min(settings.time_limit_s, 8.0 + work / _MULTIPLY_ADDS_A_SECOND / settings.threads)

    def prepare(self, settings: FineTuneSettings, given: StepInput, folder: Path) -> SidecarRequest:
        """The model, the original as teacher, samples and labels."""
        if given.calibration is None:
            raise UserError("There are no samples to train on.", "Give a calibration set.")
        shutil.copyfile(given.source, folder / _MODEL)
        inputs = {"model": _MODEL, "samples": _SAMPLES}
        if given.original is not None:
            shutil.copyfile(given.original, folder / _TEACHER)
            inputs["teacher"] = _TEACHER
        written = write_samples(
            given.calibration,
            folder / _SAMPLES,
            settings.samples,
            given.seed,
            lambda done: given.tell(0.0, f"Preparing samples: {done}."),
        )
        if given.calibration.y is not None:
            np.save(folder / _LABELS, given.calibration.y[written])
            inputs["labels"] = _LABELS
        elif given.original is None:
            raise UserError("There are neither labels nor an original model to learn from.", "Give labelled samples.")
        return SidecarRequest(
            sidecar=self.sidecar,
            inputs=inputs,
            output=_OUTPUT,
            settings=_for_tool(settings, given),
            seed=given.seed,
            time_limit_s=settings.time_limit_s * 1.25 + _GRACE_S,
            memory_bytes=max(given.memory_bytes, 4 << 30),
            threads=settings.threads,
        )

    def finish(
        self, settings: FineTuneSettings, given: StepInput, folder: Path, reply: SidecarReply, out: Path
    ) -> StepOutput:
        """Take the weights, and nothing else, from what came back."""
        import onnx

        from edgeyard.optimize.model_file import parse_model, read_bytes

        trained = {tensor.name: tensor for tensor in parse_model(read_bytes(folder / reply.output)).graph.initializer}
        model = onnx.load(given.source, load_external_data=False)
        for tensor in model.graph.initializer:
            found = trained.get(tensor.name)
            if found is None or found.dims != tensor.dims or found.data_type != tensor.data_type:
                raise UserError(f"The trainer lost the weights {tensor.name}.", "See its log.")
            tensor.CopyFrom(found)
        out.write_bytes(model.SerializeToString(deterministic=True))
        said = step_output(reply)
        return StepOutput(said.notes, said.figures, complete=bool(reply.figures.get("complete", True)))


def _layout(given: StepInput) -> str:
    """How samples lie, for mirroring and moving them: as declared; model-ready ones with 3 channels are images too."""
    assert given.calibration is not None
    declared, shape = given.calibration.preprocessing.layout, given.summary.input.shape
    if declared != "RAW" or len(shape) != 4:
        return declared
    return "NCHW" if shape[1] == _COLOURS else "NHWC" if shape[3] == _COLOURS else "RAW"


def _for_tool(settings: FineTuneSettings, given: StepInput) -> dict[str, Any]:
    assert given.calibration is not None
    return {
        "epochs": settings.epochs,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "label_share": settings.label_share,
        "feature_share": settings.feature_share,
        "temperature": settings.temperature,
        "augment": settings.augment,
        "shift": settings.shift,
        "held_out": settings.held_out,
        "half": settings.half,
        "train_s": settings.time_limit_s,
        "layout": _layout(given),
        "weight_limit": 64 if given.trait.form == "u8s7" else 127,
    }
