"""A newer operator set or an older IR version, for models that were exported long ago or too recently."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edgeyard.optimize.model_file import MAX_OPSET
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

LARGEST_IR = 10
"""What onnxruntime 1.20 reads."""
_OLDEST_IR = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
"""With which IR version each opset came (onnx, docs/Versioning.md)."""


class OpsetSettings(Settings, frozen=True):
    """Which one."""

    opset: Annotated[int, Meta(ge=13, le=MAX_OPSET, description="the operator set to convert to")] = 17


class Opset:
    """ONNX's own converter (`onnx.version_converter`); weights stay as they are."""

    kind: ClassVar[str] = "opset"
    title: ClassVar[str] = "Newer operator set"
    text: ClassVar[str] = (
        "Converts the model to another version of the ONNX operators, and to an IR version that devices read. int8 per"
        " channel needs 13 or later."
    )
    settings_type: ClassVar[type[Settings]] = OpsetSettings

    def trait(self, settings: OpsetSettings, source: Trait) -> Trait:
        """Nothing that hardware sees."""
        return source

    def obstacle(self, settings: OpsetSettings, given: StepInput) -> str:
        """Useless when the model is there already."""
        if given.trait.file_format != "onnx":
            return "Only ONNX files have an operator set."
        if given.summary.opset == settings.opset and given.summary.ir_version <= LARGEST_IR:
            return f"The model has opset {settings.opset} already."
        return ""

    def cost_s(self, settings: OpsetSettings, summary: ModelSummary, samples: int) -> float:
        """The graph is walked once, and the weights are copied."""
        return 0.1 + summary.parameters / 3e7 + len(summary.layers) / 5e3

    def run(self, settings: OpsetSettings, given: StepInput, out: Path) -> StepOutput:
        """Convert the file."""
        import onnx
        from onnx import version_converter

        model = onnx.load(given.source, load_external_data=False)
        # Files of old list their weights as inputs too, and before IR 4 the converter finds them nowhere else.
        model.ir_version = min(LARGEST_IR, max(model.ir_version, _OLDEST_IR[settings.opset]))
        stored = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in stored]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        if given.summary.opset != settings.opset:
            model = version_converter.convert_version(model, settings.opset)
        write_model(model, out)
        return StepOutput((f"From opset {given.summary.opset} to {settings.opset}, IR version {model.ir_version}.",))
