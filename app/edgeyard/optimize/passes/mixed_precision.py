"""int8 where it does no harm: a search for the fastest mixture that keeps the accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.int8_static import emit
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

if TYPE_CHECKING:
    from edgeyard.optimize.quantize.prepare import Prepared
    from edgeyard.optimize.quantize.quantize_graph import Quantizer
    from edgeyard.optimize.quantize.search import Found, Search

_FLOAT_SPEED = 6e9
_SHARE_OF_BUDGET = 0.8
"""What is left is for writing the file."""
_MIN_SAMPLES = 16


class MixedPrecisionSettings(Settings, frozen=True):
    """The budget of accuracy, and how to search."""

    form: Annotated[
        Literal["u8s8", "u8s7", "s8s8"],
        Meta(description="types of activations and weights, as for int8-static"),
    ] = "u8s8"
    layout: Annotated[
        Literal["qdq", "qoperator"],
        Meta(description="qdq for every runtime, qoperator for ONNX Runtime only, as for int8-static"),
    ] = "qdq"
    max_drop: Annotated[
        float, Meta(ge=0, le=1, description="accuracy that may be lost, as a fraction: 0.001 is a tenth of a point")
    ] = 0.001
    confidence: Annotated[
        float,
        Meta(ge=0.5, le=0.99, description="how likely the loss must be within max_drop, by the selection samples"),
    ] = 0.75
    quieter_db: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="how far the noise at the output must lie below that of all layers in int8, in decibels: for"
            " when that lost too much, although the selection samples did not show it",
        ),
    ] = 0.0
    calibration: Annotated[
        Literal["minmax", "percentile", "percentile-99.9", "entropy", "mse", "best"],
        Meta(description="how ranges are taken, as for int8-static"),
    ] = "mse"
    samples: Annotated[int, Meta(ge=8, le=10_000, description="calibration samples at most")] = 200
    selection: Annotated[
        int,
        Meta(ge=8, le=20_000, description="samples at most, besides those, by which mixtures are judged in the search"),
    ] = 1500
    bias_samples: Annotated[
        int, Meta(ge=0, le=1000, description="samples on which biases are corrected; 0 leaves them")
    ] = 64


@dataclass(frozen=True, slots=True)
class _Begun:
    """What does not depend on the goal: another search with another goal goes on from here."""

    prepared: Prepared
    search: Search


class MixedPrecision:
    """`quantize.search` as a pass. Judged by calibration samples that ranges were not taken from, never by others."""

    kind: ClassVar[str] = "int8-mixed"
    title: ClassVar[str] = "Mixed precision"
    text: ClassVar[str] = (
        "Static int8 with the most harmful layers left in 32 bits: as few as keep the loss of accuracy within a budget."
        " Measures what each layer's rounding does to the answers, and searches from the fastest mixture on; when time"
        " is up, the best so far counts."
    )
    settings_type: ClassVar[type[Settings]] = MixedPrecisionSettings
    anytime: ClassVar[bool] = True

    def trait(self, settings: MixedPrecisionSettings, source: Trait) -> Trait:
        """int8 of that form: its integer layers decide what hardware it is for."""
        return replace(source, precision="int8", form=settings.form)

    def obstacle(self, settings: MixedPrecisionSettings, given: StepInput) -> str:
        """As for int8, and enough samples to judge by."""
        from edgeyard.optimize.quantize.prepare import quantization_obstacle

        found = quantization_obstacle(given)
        if not found and given.calibration is not None and len(given.calibration) < _MIN_SAMPLES:
            found = f"There are {len(given.calibration)} calibration samples; at least {_MIN_SAMPLES} are needed."
        return found

    def cost_s(self, settings: MixedPrecisionSettings, summary: ModelSummary, samples: int) -> float:
        """Calibration; each layer alone on 32 samples; about three mixtures on the selection samples."""
        used = min(samples, settings.samples)
        judged = min(max(0, samples - used), settings.selection)
        layers = sum(summary.operators.get(name, 0) for name in ("Conv", "Gemm", "MatMul"))
        runs = used + 32 * layers + 3 * (judged + 3 * 32) + judged
        return 1.0 + runs * summary.multiply_adds / _FLOAT_SPEED + layers / 30 + summary.parameters / 1e7

    def run(self, settings: MixedPrecisionSettings, given: StepInput, out: Path) -> StepOutput:
        """Prepare, calibrate, search, write the best found."""
        from edgeyard.optimize.quantize.search import Goal

        key = (
            self.kind, given.summary.sha256, given.seed, settings.form, settings.calibration, settings.samples,
            settings.selection, settings.bias_samples,
        )  # fmt: skip
        begun = given.memo.get(key, lambda: self._begin(settings, given))
        goal = Goal(
            settings.max_drop, settings.confidence, _SHARE_OF_BUDGET * given.budget_s, quieter_db=settings.quieter_db
        )
        found = begun.search.run(goal, given.tell)
        write_model(emit(found.best.scheme, settings.layout), out)
        notes = (*begun.prepared.notes, *_notes(found, settings, len(begun.prepared.selection)))
        return StepOutput(notes, _figures(found, begun.search.made), found.complete)

    def _begin(self, settings: MixedPrecisionSettings, given: StepInput) -> _Begun:
        from edgeyard.optimize.quantize.prepare import prepare
        from edgeyard.optimize.quantize.quantize_graph import QuantizeOptions, quantizer
        from edgeyard.optimize.quantize.scheme import FORMS
        from edgeyard.optimize.quantize.search import Search

        on_x86 = settings.form != "s8s8"
        prepared = prepare(given, settings.samples, settings.selection, without_transpose=on_x86)
        options = QuantizeOptions(
            FORMS[settings.form], settings.calibration, fast_edges=on_x86, bias_samples=settings.bias_samples
        )
        made = quantizer(
            prepared.graph,
            prepared.samples,
            options,
            prepared.fixed_batch,
            prepared.batch,
            given.memory_bytes,
            lambda fraction: given.tell(0.2 * fraction, "Calibrating"),
            given.threads,
        )
        if not made.placement().weighted():
            raise UserError("No layer is left to quantize.", "Use fp16, or leave this step out.")
        return _Begun(prepared, Search(made, prepared.selection))


def _notes(found: Found, settings: MixedPrecisionSettings, judged: int) -> list[str]:
    best, flips = found.best, found.best.flips
    weighted = [unit for unit in best.scheme.placement.units if unit.layer is not None]
    kept = [unit.name for unit in weighted if unit.name in best.kept]
    some = f" ({', '.join(name[:60] for name in kept[:3])}{'…' if len(kept) > 3 else ''})" if kept else ""
    changed = flips.losses + flips.gains
    said = (
        f"{flips.losses} right answers of {judged} were lost and {flips.gains} gained"
        if changed or not flips.unknown
        else f"{flips.unknown} of {judged} answers changed"
    )
    likely = f"the loss is within {settings.max_drop:.2%} with a likelihood of {best.probability:.0%}"
    notes = [
        f"{len(weighted) - len(kept)} of {len(weighted)} layers are int8; {len(kept)} stay in 32 bits{some}.",
        f"On the selection samples {said}: {likely}.",
    ]
    if not found.meets:
        notes.append(
            f"No mixture that was tried reaches the likelihood of {settings.confidence:.0%} asked for"
            + (f", {settings.quieter_db:g} dB under the noise of int8." if settings.quieter_db else ".")
        )
    return notes


def _figures(found: Found, made: Quantizer) -> dict[str, Any]:
    floats = found.best.kept
    return {
        "layers": [
            {
                "name": each.unit.name,
                "operator": each.unit.node.op_type,
                "sqnr_db": round(each.sqnr_db, 2),
                "type": "fp32" if each.unit.name in floats else "int8",
            }
            for each in found.layers
        ],
        "search": [tried.row() for tried in found.tried],
        "meets": found.meets,
        "calibration": made.method,
    }
