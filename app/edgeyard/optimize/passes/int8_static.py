"""Static int8: weights per channel, activations per tensor by the ranges seen on calibration samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

if TYPE_CHECKING:
    import onnx

    from edgeyard.optimize.quantize.prepare import Prepared
    from edgeyard.optimize.quantize.quantize_graph import Quantizer
    from edgeyard.optimize.quantize.scheme import Scheme

_NOISE_SAMPLES = 32
_FLOAT_SPEED = 6e9
"""Multiply-adds per second on one core, with every intermediate tensor written out and counted."""


class StaticInt8Settings(Settings, frozen=True):
    """Types, layout and calibration."""

    form: Annotated[
        Literal["u8s8", "u8s7", "s8s8"],
        Meta(
            description="types of activations and weights: u8s8 for x86 with VNNI, u8s7 (weights in 7 bits) for x86"
            " without, s8s8 for Arm"
        ),
    ] = "u8s8"
    layout: Annotated[
        Literal["qdq", "qoperator"],
        Meta(
            description="qdq: float operators between quantizing ones, which every runtime reads; qoperator: ONNX"
            " Runtime's integer operators with channels last, which only it runs, and faster"
        ),
    ] = "qdq"
    per_channel: Annotated[bool, Meta(description="one weight scale per output channel")] = True
    calibration: Annotated[
        Literal["minmax", "percentile", "percentile-99.9", "entropy", "mse", "best"],
        Meta(
            description="how ranges are taken from what was seen: all of it, 99.99 % or 99.9 % of it, by least loss of"
            " information, by least squared error, or whichever gives the least output noise"
        ),
    ] = "best"
    samples: Annotated[int, Meta(ge=1, le=10_000, description="calibration samples at most")] = 300
    edges: Annotated[
        Literal["auto", "integer"],
        Meta(
            description="auto: for x86, first layers that integer kernels are slow at (fewer than 4 channels; depthwise"
            " in other than multiples of 16) stay in 32 bits; integer: they do not"
        ),
    ] = "auto"
    keep_float: Annotated[
        tuple[Annotated[str, Meta(max_length=200)], ...],
        Meta(max_length=1000, description="names of layers that stay in 32 bits"),
    ] = ()
    bias_samples: Annotated[
        int,
        Meta(ge=0, le=1000, description="samples on which biases are corrected for shifted means; 0 leaves them"),
    ] = 64
    equalize: Annotated[
        bool,
        Meta(
            description="even out the ranges of channels between layers first (cross-layer equalization); helps"
            " depthwise networks when per_channel is false"
        ),
    ] = False
    weight_error: Annotated[
        Literal["range", "least"],
        Meta(description="weight scales: from the largest weight, or by least squared error"),
    ] = "range"


@dataclass(frozen=True, slots=True)
class _Quantized:
    """All but the layout."""

    scheme: Scheme
    output: StepOutput


class StaticInt8:
    """Our own calibration and placement (`quantize`); which `form` suits which hardware is said in onnxruntime's guide
    to quantization."""

    kind: ClassVar[str] = "int8-static"
    title: ClassVar[str] = "Static int8"
    text: ClassVar[str] = (
        "Weights and activations in 8 bits, activation ranges fixed from calibration samples, biases corrected for what"
        " that shifts. A quarter of the size, and faster where the processor multiplies int8 natively."
    )
    settings_type: ClassVar[type[Settings]] = StaticInt8Settings

    def trait(self, settings: StaticInt8Settings, source: Trait) -> Trait:
        """int8 of that form."""
        return replace(source, precision="int8", form=settings.form)

    def obstacle(self, settings: StaticInt8Settings, given: StepInput) -> str:
        """Needs calibration samples, an opset with scales per channel, and something to quantize."""
        from edgeyard.optimize.quantize.prepare import quantization_obstacle

        return quantization_obstacle(given)

    def cost_s(self, settings: StaticInt8Settings, summary: ModelSummary, samples: int) -> float:
        """Calibration runs every sample once in 32 bits, bias correction about three times; others walk the graph."""
        runs = min(samples, settings.samples) + 3 * min(samples, settings.bias_samples) + 2 * _NOISE_SAMPLES
        if settings.calibration == "best":
            runs += 6 * 64
        return 0.8 + runs * summary.multiply_adds / _FLOAT_SPEED + summary.parameters / 2e7 + len(summary.layers) / 200

    def run(self, settings: StaticInt8Settings, given: StepInput, out: Path) -> StepOutput:
        """Simplify, calibrate, place, correct, write. Of two layouts, the second is only written."""
        key = (self.kind, given.summary.sha256, given.seed, msgspec.structs.replace(settings, layout="qdq"))
        quantized = given.memo.get(key, lambda: self._quantize(settings, given))
        write_model(emit(quantized.scheme, settings.layout), out)
        return quantized.output

    def _quantize(self, settings: StaticInt8Settings, given: StepInput) -> _Quantized:
        from edgeyard.optimize.quantize.prepare import prepare

        on_x86 = settings.form != "s8s8" and settings.edges == "auto"
        prepared = prepare(given, settings.samples, without_transpose=on_x86)
        made = self._quantizer(settings, given, prepared)
        placement = made.placement()
        if not placement.weighted():
            raise UserError("No layer is left to quantize.", "Name fewer layers to keep in 32 bits.")
        given.tell(0.6, "Correcting biases")
        scheme = made.scheme(placement)
        return _Quantized(scheme, StepOutput(*_report(scheme, made, prepared)))

    def _quantizer(self, settings: StaticInt8Settings, given: StepInput, prepared: Prepared) -> Quantizer:
        from edgeyard.optimize.quantize.quantize_graph import QuantizeOptions, quantizer
        from edgeyard.optimize.quantize.scheme import FORMS

        options = QuantizeOptions(
            form=replace(
                FORMS[settings.form],
                per_channel=settings.per_channel,
                least_weight_error=settings.weight_error == "least",
            ),
            method=settings.calibration,
            fast_edges=settings.form != "s8s8" and settings.edges == "auto",
            keep_float=settings.keep_float,
            bias_samples=settings.bias_samples,
            equalize=settings.equalize,
        )
        return quantizer(
            prepared.graph,
            prepared.samples,
            options,
            prepared.fixed_batch,
            prepared.batch,
            given.memory_bytes,
            lambda fraction: given.tell(0.1 + 0.5 * fraction, "Calibrating"),
            given.threads,
        )


def emit(scheme: Scheme, layout: str) -> onnx.ModelProto:
    """The model in one of the layouts."""
    from edgeyard.optimize.quantize.emit_integer import emit_integer
    from edgeyard.optimize.quantize.emit_qdq import emit_qdq

    return emit_integer(scheme) if layout == "qoperator" else emit_qdq(scheme)


def _report(scheme: Scheme, made: Quantizer, prepared: Prepared) -> tuple[tuple[str, ...], dict[str, Any]]:
    from edgeyard.optimize.quantize.layer_noise import layer_sqnr_db

    noise = layer_sqnr_db(scheme, made.samples.first(_NOISE_SAMPLES), made.batch)
    weighted = [unit for unit in scheme.placement.units if unit.layer is not None]
    kept = [unit.name for unit in weighted if unit.output not in scheme.placement.integer]
    layers = [
        {"name": unit.name, "operator": unit.node.op_type, "sqnr_db": round(noise[unit.output], 2)}
        for unit in scheme.placement.integer_units()
    ]
    notes = [
        *prepared.notes,
        f"Calibrated on {made.calibration.samples} samples ({made.method}).",
        f"{len(weighted) - len(kept)} of {len(weighted)} layers are int8"
        + (f"; {', '.join(name[:60] for name in kept[:3])} stay in 32 bits." if kept else "."),
    ]
    figures: dict[str, Any] = {"layers": layers, "kept_float": kept, "calibration": made.method}
    if made.noise_db:
        figures["calibration_sqnr_db"] = {name: round(value, 2) for name, value in made.noise_db.items()}
    return tuple(notes), figures
