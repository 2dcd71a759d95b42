"""Activations in 16 bits, weights in 8: for accelerators that have them and models that 8 bits harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_OPSET = 21
_FLOAT_SPEED = 6e9


class StaticInt16Settings(Settings, frozen=True):
    """Sign and calibration."""

    form: Annotated[
        Literal["u16s8", "s16s8"],
        Meta(description="unsigned activations, as Qualcomm's HTP takes them, or signed ones, as TensorFlow Lite does"),
    ] = "u16s8"
    samples: Annotated[int, Meta(ge=1, le=10_000, description="calibration samples at most")] = 300


class StaticInt16:
    """As int8-static in QDQ form, with everything seen as range: 65,536 steps need no clipping."""

    kind: ClassVar[str] = "int16-static"
    title: ClassVar[str] = "16-bit activations"
    text: ClassVar[str] = (
        "Weights in 8 bits, activations in 16, for accelerators that multiply them (Qualcomm HTP) and models that lose"
        " too much with 8. onnxruntime has no such kernels on processors and computes in 32 bits between the roundings:"
        " right, but not faster."
    )
    settings_type: ClassVar[type[Settings]] = StaticInt16Settings

    def trait(self, settings: StaticInt16Settings, source: Trait) -> Trait:
        """int16 of that form."""
        return replace(source, precision="int16", form=settings.form)

    def obstacle(self, settings: StaticInt16Settings, given: StepInput) -> str:
        """QuantizeLinear has 16 bits since opset 21."""
        from edgeyard.optimize.quantize.prepare import quantization_obstacle

        return quantization_obstacle(given, min_opset=_OPSET)

    def cost_s(self, settings: StaticInt16Settings, summary: ModelSummary, samples: int) -> float:
        """One run over the samples, and some to tell the noise."""
        runs = min(samples, settings.samples) + 64
        return 0.6 + runs * summary.multiply_adds / _FLOAT_SPEED + summary.parameters / 2e7 + len(summary.layers) / 200

    def run(self, settings: StaticInt16Settings, given: StepInput, out: Path) -> StepOutput:
        """Simplify, calibrate, write."""
        from edgeyard.optimize.quantize.emit_qdq import emit_qdq
        from edgeyard.optimize.quantize.layer_noise import layer_sqnr_db
        from edgeyard.optimize.quantize.prepare import prepare
        from edgeyard.optimize.quantize.quantize_graph import QuantizeOptions, quantizer
        from edgeyard.optimize.quantize.scheme import FORMS

        prepared = prepare(given, settings.samples, without_transpose=False)
        options = QuantizeOptions(FORMS[settings.form], "minmax", bias_samples=0)
        made = quantizer(
            prepared.graph, prepared.samples, options, prepared.fixed_batch, prepared.batch, given.memory_bytes
        )
        scheme = made.scheme(made.placement())
        write_model(emit_qdq(scheme), out)
        noise = layer_sqnr_db(scheme, prepared.samples.first(32), prepared.batch)
        layers = [
            {"name": unit.name, "operator": unit.node.op_type, "sqnr_db": round(noise[unit.output], 2)}
            for unit in scheme.placement.integer_units()
        ]
        notes = (*prepared.notes, f"Calibrated on {made.calibration.samples} samples.")
        return StepOutput(notes, {"layers": layers})
