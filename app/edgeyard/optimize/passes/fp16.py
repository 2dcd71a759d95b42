"""Half precision: weights and arithmetic in 16 bits, inputs and outputs still in float32."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary


class Float16Settings(Settings, frozen=True):
    """What is kept in 32 bits."""

    keep_operators: Annotated[
        tuple[Annotated[str, Meta(max_length=100)], ...],
        Meta(max_length=100, description="operator types that stay in 32 bits, such as Softmax"),
    ] = ()


class Float16:
    """onnxruntime's own conversion (`onnxruntime.transformers.float16`), which keeps what 16 bits cannot hold in 32."""

    kind: ClassVar[str] = "fp16"
    title: ClassVar[str] = "Half precision"
    text: ClassVar[str] = (
        "Weights and arithmetic in 16 bits, inputs and outputs in 32. Half the size; faster only where the processor"
        " computes in 16 bits."
    )
    settings_type: ClassVar[type[Settings]] = Float16Settings

    def trait(self, settings: Float16Settings, source: Trait) -> Trait:
        """16 bits, in the same file format."""
        return replace(source, precision="fp16", form="")

    def obstacle(self, settings: Float16Settings, given: StepInput) -> str:
        """A quantized model has nothing left to halve."""
        return "The model is quantized already." if given.summary.already_quantized else ""

    def cost_s(self, settings: Float16Settings, summary: ModelSummary, samples: int) -> float:
        """Conversion walks the graph and the weights once."""
        return 0.1 + summary.parameters / 3e7 + len(summary.layers) / 5e3

    def run(self, settings: Float16Settings, given: StepInput, out: Path) -> StepOutput:
        """Convert the file."""
        import onnx
        from onnxruntime.transformers import float16

        blocked = [*float16.DEFAULT_OP_BLOCK_LIST, *settings.keep_operators]
        with warnings.catch_warnings():
            # One warning per weight outside the range of 16 bits; the accuracy measured afterwards says what it cost.
            warnings.simplefilter("ignore")
            model = float16.convert_float_to_float16(
                onnx.load(given.source, load_external_data=False), keep_io_types=True, op_block_list=blocked
            )
        write_model(model, out)
        return StepOutput()
