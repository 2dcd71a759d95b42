"""Early exit: easy samples are answered in the middle of the model, and the rest of it does not run for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.prune.obstacle import pruning_obstacle
from edgeyard.optimize.prune.sampling import MIN_SAMPLES, sampling_for
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

if TYPE_CHECKING:
    from edgeyard.optimize.prune.exit_head import ExitChoice

MIN_OPSET = 9
"""Where came with it."""


class EarlyExitSettings(Settings, frozen=True):
    """Where the model may be left, and how sure it must be."""

    form: Annotated[
        Literal["skip", "outputs"],
        Meta(
            description="skip: the rest of the model does not run when the exit is sure; outputs: the whole model runs,"
            " and the exit's scores and confidence are further outputs"
        ),
    ] = "skip"
    max_drop: Annotated[
        float,
        Meta(
            ge=0, le=0.2, description="accuracy (without labels: agreement with the model) that early answers may cost"
        ),
    ] = 0.01
    min_saving: Annotated[
        float, Meta(gt=0, lt=1, description="part of the multiply-adds that must be skipped on average")
    ] = 0.05
    earliest: Annotated[float, Meta(ge=0, le=1, description="no exit before this part of the multiply-adds")] = 0.1
    latest: Annotated[float, Meta(ge=0, le=1, description="no exit after this part of the multiply-adds")] = 0.85
    points: Annotated[int, Meta(ge=1, le=32, description="places that are tried, spread evenly over the cost")] = 6
    grid: Annotated[
        int, Meta(ge=1, le=8, description="features are averaged over a grid of so many cells in height and width")
    ] = 4
    samples: Annotated[int, Meta(ge=32, le=50_000, description="calibration samples at most")] = 4000


class EarlyExit:
    """`prune.exit_head` and `prune.exit_graph` as a pass."""

    kind: ClassVar[str] = "early-exit"
    title: ClassVar[str] = "Early exit"
    text: ClassVar[str] = (
        "Adds a linear classifier in the middle of the model, fitted in closed form on calibration samples, and skips"
        " the rest of the model for samples of which it is sure. The mean latency falls, the worst rises a little;"
        " helps where most samples are easy."
    )
    settings_type: ClassVar[type[Settings]] = EarlyExitSettings

    def trait(self, settings: EarlyExitSettings, source: Trait) -> Trait:
        """As before."""
        return source

    def obstacle(self, settings: EarlyExitSettings, given: StepInput) -> str:
        """Needs a classifier with one output and calibration samples; quantized models will do."""
        summary = given.summary
        if len(summary.outputs) != 1:
            return f"The model has {len(summary.outputs)} outputs; an early exit knows one."
        if len(summary.outputs[0].shape) != 2 or summary.outputs[0].element_type != "float32":
            return "The output is not N×classes in float32."
        if summary.opset < MIN_OPSET:
            return f"Opset {summary.opset} has no Where: export the model with opset {MIN_OPSET} or later."
        if given.trait.precision == "fp16":
            return "It needs 32-bit features: run it before the model is halved."
        if given.calibration is not None and len(given.calibration) < 2 * MIN_SAMPLES:
            return f"It needs {2 * MIN_SAMPLES} calibration samples; there are {len(given.calibration)}."
        return pruning_obstacle(given, True, summary.operators, quantized=True)

    def cost_s(self, settings: EarlyExitSettings, summary: ModelSummary, samples: int) -> float:
        """One run over the samples, and a few small fits for each place."""
        used = min(samples, settings.samples)
        return 1.0 + used * summary.multiply_adds / 2e10 + settings.points * used / 4000

    def run(self, settings: EarlyExitSettings, given: StepInput, out: Path) -> StepOutput:
        """Try the places, take the one that skips most, write. `UserError` when none skips enough."""
        from edgeyard.optimize.graph.onnx_graph import OnnxGraph
        from edgeyard.optimize.prune.exit_graph import skipping, with_outputs
        from edgeyard.optimize.prune.fit_exits import fit_exits, spread_points

        assert given.calibration is not None, "obstacle() was not asked"
        seconds = self.cost_s(settings, given.summary, len(given.calibration))
        sampling = sampling_for(given, settings.samples, 1, seconds)
        graph = OnnxGraph.read(given.source)
        points = spread_points(graph, settings.earliest, settings.latest, settings.points)
        choices = fit_exits(graph, points, sampling, settings.grid, settings.max_drop, given.tell) if points else []
        best = max(choices, key=lambda choice: choice.saving, default=None)
        if best is None:
            raise UserError(
                "There is no place to leave the model early: nowhere does everything go through one tensor.",
                "Leave this step out.",
            )
        if best.saving < settings.min_saving:
            raise UserError(
                f"No exit pays: the best would skip {best.saving:.1%} of the multiply-adds on average, with at most"
                f" {settings.max_drop:.1%} lost for certain; {settings.min_saving:.1%} are asked for.",
                "Give more calibration samples, allow a larger max_drop, or leave this step out.",
            )
        if settings.form == "skip":
            model = skipping(graph, best.head, best.threshold)
        else:
            model = with_outputs(graph, best.head)
        write_model(model, out)
        return StepOutput(
            (*_notes(best, labelled=given.calibration.y is not None),),
            {"chosen": _row(best), "tried": [_row(choice) for choice in choices]},
        )


def _notes(best: ExitChoice, labelled: bool) -> tuple[str, str]:
    leave = (
        f"After {best.head.point.cost_share:.0%} of the multiply-adds {best.exit_rate:.0%} of held-out samples leave"
    )
    skipped = f"at a confidence of {best.threshold:.3f}, so that {best.saving:.0%} are skipped on average"
    right = f"{best.right:.1%} of the answers are {'right' if labelled else 'as the model says'}"
    return (
        f"{leave} {skipped}; {right}, before {best.right_before:.1%}.",
        "Its latency depends on the samples: judge it by the mean over real ones, not by the median.",
    )


def _row(choice: ExitChoice) -> dict[str, float | str]:
    return {
        "tensor": choice.head.point.tensor,
        "cost_share": choice.head.point.cost_share,
        "threshold": choice.threshold,
        "exit_rate": choice.exit_rate,
        "saving": choice.saving,
        "right": choice.right,
        "right_before": choice.right_before,
    }
