"""Smaller weights and nothing else: for the file, the network and, with large layers, memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_INT4_OPSET = 21


class WeightOnlySettings(Settings, frozen=True):
    """Type, blocks, and who makes floats of them."""

    type: Annotated[
        Literal["fp16", "bf16", "int8", "int4"],
        Meta(description="what weights are stored as: half floats, or integers with a scale per block of a row"),
    ] = "int8"
    products: Annotated[
        Literal["unpacked", "blocks"],
        Meta(
            description="unpacked: weights become floats when the model is loaded, so only the file is smaller; blocks:"
            " matrix products of int8 and int4 use them as they are (MatMulNBits, ONNX Runtime only), which spares"
            " memory and is faster for large layers"
        ),
    ] = "unpacked"
    block: Annotated[
        Literal[16, 32, 64, 128, 256],
        Meta(description="weights of a row that share a scale, where rows divide by it"),
    ] = 32
    min_weights: Annotated[
        int, Meta(ge=1, le=1 << 30, description="layers with fewer weights keep them as they are")
    ] = 1024


class WeightOnly:
    """`quantize.weight_only` as a pass. bfloat16 is storage only: onnxruntime has no kernels that compute in it on a
    processor (MatMul, Gemm and Add are not implemented, and ONNX's Conv takes it from opset 22 only)."""

    kind: ClassVar[str] = "weights"
    title: ClassVar[str] = "Smaller weights"
    text: ClassVar[str] = (
        "Stores weights in 16, 8 or 4 bits and computes in floating point as before. Needs no calibration samples and"
        " costs little accuracy; the gain is size, and memory where products use the small weights directly."
    )
    settings_type: ClassVar[type[Settings]] = WeightOnlySettings

    def trait(self, settings: WeightOnlySettings, source: Trait) -> Trait:
        """Still computed in 32 bits, as far as hardware cares."""
        return source

    def obstacle(self, settings: WeightOnlySettings, given: StepInput) -> str:
        """Needs float weights, and for int4 an opset that has it."""
        from edgeyard.optimize.quantize.prepare import quantization_obstacle

        found = quantization_obstacle(given, needs_samples=False)
        if not found and settings.type == "int4" and given.summary.opset < _INT4_OPSET:
            found = f"Opset {given.summary.opset} has no int4: convert the model to opset {_INT4_OPSET} first."
        if not found and settings.products == "blocks" and settings.type not in {"int8", "int4"}:
            found = f"Products in blocks are for int8 and int4, not {settings.type}."
        return found

    def cost_s(self, settings: WeightOnlySettings, summary: ModelSummary, samples: int) -> float:
        """Each weight is rounded with 31 scales."""
        rounds = 31 if settings.type in {"int8", "int4"} else 1
        return 0.2 + summary.parameters * rounds * 2e-8 + len(summary.layers) / 5e3

    def run(self, settings: WeightOnlySettings, given: StepInput, out: Path) -> StepOutput:
        """Round, write. `UserError` when no layer is large enough."""
        from edgeyard.optimize.quantize.prepare import simplify_source
        from edgeyard.optimize.quantize.weight_only import WeightForm, shrink_weights, with_microsoft

        graph = simplify_source(given).graph
        form = WeightForm(settings.type, settings.block, settings.min_weights, settings.products == "blocks")
        done = shrink_weights(graph, form)
        if not done:
            raise UserError(
                f"No layer has {settings.min_weights} weights or more.", "Use a smaller min_weights, or int8-static."
            )
        write_model(with_microsoft(graph.to_model()), out)
        before, after = given.source.stat().st_size, out.stat().st_size
        figures = {
            "layers": [
                {"name": each.name, "operator": each.operator, "sqnr_db": round(each.sqnr_db, 2)} for each in done
            ],
            "bytes_before": before,
            "bytes_after": after,
        }
        return StepOutput((f"{len(done)} layers in {settings.type}; {after / before:.0%} of the size.",), figures)
