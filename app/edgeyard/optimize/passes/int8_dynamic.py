"""Dynamic int8: no calibration; ranges are found anew for every input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_PRODUCTS = ("Gemm", "MatMul")


class DynamicInt8Settings(Settings, frozen=True):
    """Which layers, and how many bits."""

    convolutions: Annotated[
        bool, Meta(description="convolutions too; onnxruntime computes those in integers slowly")
    ] = False
    reduce_range: Annotated[
        bool, Meta(description="weights in 7 bits, for x86 without VNNI, where sums of 8 bits may overflow")
    ] = False


class DynamicInt8:
    """`quantize.dynamic` as a pass."""

    kind: ClassVar[str] = "int8-dynamic"
    title: ClassVar[str] = "Dynamic int8"
    text: ClassVar[str] = (
        "Weights of matrix products in 8 bits, activations rounded at run time with the range of each input. Needs no"
        " calibration samples; made for models of large matrix products, such as transformers and recurrent ones."
    )
    settings_type: ClassVar[type[Settings]] = DynamicInt8Settings

    def trait(self, settings: DynamicInt8Settings, source: Trait) -> Trait:
        """int8 for any processor: its kernels take either sign."""
        return replace(source, precision="int8", form="")

    def obstacle(self, settings: DynamicInt8Settings, given: StepInput) -> str:
        """Needs layers of the kinds that are replaced."""
        from edgeyard.optimize.quantize.prepare import quantization_obstacle

        found = quantization_obstacle(given, needs_samples=False)
        wanted = (*_PRODUCTS, "Conv") if settings.convolutions else _PRODUCTS
        if not found and not any(name in given.summary.operators for name in wanted):
            found = "There is no matrix product in it: for convolutions int8-static is faster."
        return found

    def cost_s(self, settings: DynamicInt8Settings, summary: ModelSummary, samples: int) -> float:
        """The graph and the weights are walked once."""
        return 0.2 + summary.parameters / 2e7 + len(summary.layers) / 2e3

    def run(self, settings: DynamicInt8Settings, given: StepInput, out: Path) -> StepOutput:
        """Replace the layers, write. `UserError` when none can be."""
        from edgeyard.optimize.quantize.dynamic import quantize_dynamic
        from edgeyard.optimize.quantize.prepare import simplify_source

        graph = simplify_source(given).graph
        wanted = (*_PRODUCTS, "Conv") if settings.convolutions else _PRODUCTS
        names = quantize_dynamic(graph, wanted, 7 if settings.reduce_range else 8)
        if not names:
            raise UserError("None of the matrix products has constant weights.", "Leave this step out.")
        write_model(graph.to_model(), out)
        return StepOutput((f"{len(names)} layers are int8.",), {"quantized": names})
