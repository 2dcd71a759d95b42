"""The same computation with fewer operators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary


class CleanUpSettings(Settings, frozen=True):
    """What more than onnxslim does."""

    without_transpose: Annotated[
        bool,
        Meta(
            description="let the first convolution read images with their channels last; faster on x86, and unusual for"
            " tools that convert the model further"
        ),
    ] = False


class CleanUp:
    """`simplify` as a pass."""

    kind: ClassVar[str] = "clean-up"
    title: ClassVar[str] = "Graph clean-up"
    text: ClassVar[str] = (
        "Folds constants and batch norms and removes operators that do nothing (onnxslim), and merges what runtimes run"
        " faster as one. The answers stay the same, which is checked; exporters that leave much behind gain most."
    )
    settings_type: ClassVar[type[Settings]] = CleanUpSettings

    def trait(self, settings: CleanUpSettings, source: Trait) -> Trait:
        """As before."""
        return source

    def obstacle(self, settings: CleanUpSettings, given: StepInput) -> str:
        """Quantized graphs are written as runtimes want them: folding would undo that."""
        if given.trait.file_format != "onnx":
            return "Only ONNX files can be cleaned up."
        if given.summary.already_quantized or given.trait.precision != "fp32":
            return "The model is quantized or converted already: clean up before that."
        if given.summary.input.element_type != "float32":
            return f"The input takes {given.summary.input.element_type}, not float32."
        return ""

    def cost_s(self, settings: CleanUpSettings, summary: ModelSummary, samples: int) -> float:
        """Graph walks and two runs of a few samples."""
        return 0.5 + len(summary.layers) / 300 + summary.parameters / 2e7 + summary.multiply_adds / 5e8

    def run(self, settings: CleanUpSettings, given: StepInput, out: Path) -> StepOutput:
        """Simplify, compare, write. `UserError` when there is nothing to do."""
        from edgeyard.optimize.quantize.prepare import simplify_source

        simplified = simplify_source(given, without_transpose=settings.without_transpose)
        cleaned = simplified.graph.to_model()
        if not simplified.notes:
            raise UserError("There is nothing to clean up.", "Leave this step out.")
        write_model(cleaned, out)
        figures = {"operators_before": simplified.operators_before, "operators_after": len(cleaned.graph.node)}
        return StepOutput(simplified.notes, figures)
