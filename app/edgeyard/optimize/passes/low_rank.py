"""Low-rank factorization: a wide dense layer becomes two thin ones where its outputs vary in few directions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.prune.obstacle import pruning_obstacle, read_with_layers
from edgeyard.optimize.prune.sampling import sampling_for, walk_cost_s
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary


class LowRankSettings(Settings, frozen=True):
    """Where it pays, and what may be lost."""

    max_error: Annotated[
        float, Meta(ge=0, le=0.5, description="part of a layer's output variance that its new rank may lose")
    ] = 0.02
    min_saving: Annotated[
        float, Meta(gt=0, lt=1, description="part of a layer's multiply-adds that must be saved for it to be replaced")
    ] = 0.25
    convolutions: Annotated[
        bool, Meta(description="also replace convolutions, by a thin one and a 1×1 one; else dense layers only")
    ] = False
    multiple_of: Annotated[int, Meta(ge=1, le=64, description="ranks become multiples of this")] = 8
    recover: Annotated[bool, Meta(description="refit what follows by least squares on calibration samples")] = True
    samples: Annotated[int, Meta(ge=16, le=20_000, description="calibration samples at most")] = 1000
    rows: Annotated[
        int,
        Meta(ge=1000, le=1_000_000, description="rows of outputs that each layer's directions are taken from, about"),
    ] = 20_000


class LowRank:
    """`prune.low_rank` as a pass."""

    kind: ClassVar[str] = "low-rank"
    title: ClassVar[str] = "Low-rank factorization"
    text: ClassVar[str] = (
        "Replaces a large dense layer by two thin ones, by the directions in which its outputs vary on calibration"
        " samples, where that saves multiply-adds. Helps models with wide fully connected layers; small convolutional"
        " ones have nothing to gain."
    )
    settings_type: ClassVar[type[Settings]] = LowRankSettings

    def trait(self, settings: LowRankSettings, source: Trait) -> Trait:
        """As before: only sizes change."""
        return source

    def obstacle(self, settings: LowRankSettings, given: StepInput) -> str:
        """Needs 32-bit weights and calibration samples."""
        return pruning_obstacle(given, True, ("Gemm", "MatMul", *(["Conv"] if settings.convolutions else [])))

    def cost_s(self, settings: LowRankSettings, summary: ModelSummary, samples: int) -> float:
        """One run of the original; with refitting one more of both models."""
        used = min(samples, settings.samples)
        walk = walk_cost_s(summary, used, settings.rows, 3.0, 1.0) if settings.recover else 0.0
        return 0.5 + len(summary.layers) / 200 + walk + used * summary.multiply_adds / 2e10

    def run(self, settings: LowRankSettings, given: StepInput, out: Path) -> StepOutput:
        """Factor, refit, write. `UserError` where it pays nowhere."""
        from edgeyard.optimize.prune.low_rank import PRODUCTS, RankPlan, factor_layers

        assert given.calibration is not None, "obstacle() was not asked"
        seconds = self.cost_s(settings, given.summary, len(given.calibration))
        sampling = sampling_for(given, settings.samples, settings.rows, seconds)
        graph = read_with_layers(given)
        plan = RankPlan(
            max_error=settings.max_error,
            min_saving=settings.min_saving,
            operators=(*PRODUCTS, "Conv") if settings.convolutions else PRODUCTS,
            multiple_of=settings.multiple_of,
            recover=settings.recover,
        )
        done, fits = factor_layers(graph, plan, sampling, given.tell)
        if not done:
            raise UserError(
                f"No layer can be factored: none saves {settings.min_saving:.0%} of its multiply-adds at"
                f" {settings.max_error:.1%} of lost variance.",
                "Allow a larger max_error, include convolutions, or leave this step out.",
            )
        write_model(graph.to_model(), out)
        names = ", ".join(f"{each.name} ({min(each.features, each.outputs)} to {each.rank})" for each in done[:5])
        note = f"{len(done)} layers have a lower rank: {names}{', …' if len(done) > 5 else ''}."
        figures = {
            "samples": len(sampling.dataset),
            "layers": [
                {
                    "layer": each.name,
                    "features": each.features,
                    "outputs": each.outputs,
                    "rank": each.rank,
                    "error": each.error,
                    "saved": each.saved,
                }
                for each in done
            ],
            "fits": [{"layer": f.name, "before": f.error_before, "after": f.error_after} for f in fits],
        }
        return StepOutput((note,), figures)
