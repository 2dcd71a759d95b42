"""Structured pruning: whole channels go, so the model is smaller and faster everywhere, without special kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.prune.obstacle import pruning_obstacle, read_with_layers
from edgeyard.optimize.prune.sampling import sampling_for, walk_cost_s
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary


class ChannelPruningSettings(Settings, frozen=True):
    """How much goes, where, and how the rest is refitted."""

    fraction: Annotated[
        float,
        Meta(
            gt=0, le=0.9, description="what goes: of the multiply-adds (balanced) or of each layer's channels (uniform)"
        ),
    ] = 0.25
    allocation: Annotated[
        Literal["balanced", "uniform"],
        Meta(
            description="balanced: cut where a saved multiply-add costs the least error; uniform: the same fraction of"
            " every layer"
        ),
    ] = "balanced"
    multiple_of: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="widths become multiples of this; kernels compute in blocks of 8 (AVX2, Arm) or 16 (AVX-512)"
            " channels, and what does not fill a block is not faster",
        ),
    ] = 8
    score: Annotated[
        Literal["reconstruction", "magnitude"],
        Meta(
            description="which channels go: those whose loss the next layers can make good best, or those with the"
            " smallest weights"
        ),
    ] = "reconstruction"
    recover: Annotated[
        bool, Meta(description="refit the remaining weights by least squares on calibration samples")
    ] = True
    samples: Annotated[int, Meta(ge=16, le=20_000, description="calibration samples at most")] = 1000
    rows: Annotated[
        int, Meta(ge=1000, le=1_000_000, description="rows of inputs that each layer's fit sees, about")
    ] = 20_000
    ridge: Annotated[
        float,
        Meta(
            ge=0, le=1, description="how strongly weights are held near what they were, against the inputs' mean power"
        ),
    ] = 1e-3


class ChannelPruning:
    """`prune.prune_channels` as a pass."""

    kind: ClassVar[str] = "prune-channels"
    title: ClassVar[str] = "Channel pruning"
    text: ClassVar[str] = (
        "Cuts whole channels out of convolutions and dense layers and refits the remaining weights layer by layer by"
        " least squares on calibration samples: no training, seconds instead of hours. Smaller and faster on any"
        " hardware; works best for networks that are wider than the task needs."
    )
    settings_type: ClassVar[type[Settings]] = ChannelPruningSettings

    def trait(self, settings: ChannelPruningSettings, source: Trait) -> Trait:
        """As before: only sizes change."""
        return source

    def obstacle(self, settings: ChannelPruningSettings, given: StepInput) -> str:
        """Needs 32-bit weights and calibration samples."""
        needs_samples = settings.recover or settings.score == "reconstruction"
        return pruning_obstacle(given, needs_samples, ("Conv", "ConvTranspose", "Gemm", "MatMul"))

    def cost_s(self, settings: ChannelPruningSettings, summary: ModelSummary, samples: int) -> float:
        """One run of the original to choose, one of both models to refit; XᵀX of each layer twice."""
        used = min(samples, settings.samples)
        runs, sums = (1.0, 1.0) if settings.score == "reconstruction" else (0.0, 0.0)
        if settings.recover:
            runs, sums = runs + 2.0, sums + 1.0
        return 0.5 + len(summary.layers) / 200 + walk_cost_s(summary, used, settings.rows, runs, sums)

    def run(self, settings: ChannelPruningSettings, given: StepInput, out: Path) -> StepOutput:
        """Choose, cut, refit, write. `UserError` when nothing can go."""
        from edgeyard.optimize.prune.prune_channels import ChannelPlan, prune_channels

        graph = read_with_layers(given)
        if given.calibration is None:
            sampling = None
            used = 0
        else:
            seconds = self.cost_s(settings, given.summary, len(given.calibration))
            sampling = sampling_for(given, settings.samples, settings.rows, seconds)
            used = len(sampling.dataset)
        plan = ChannelPlan(
            fraction=settings.fraction,
            multiple_of=settings.multiple_of,
            allocation=settings.allocation,
            score=settings.score,
            recover=settings.recover,
            ridge=settings.ridge,
        )
        done = prune_channels(graph, plan, sampling, given.tell)
        before, after = done.multiply_adds_before, done.multiply_adds_after
        if after >= before:
            raise UserError(
                f"No channel can go: {done.why_nothing(settings.multiple_of)}",
                "Use a larger fraction or a smaller multiple_of, or leave this step out.",
            )
        write_model(graph.to_model(), out)
        cut = sum(now < was for was, now in done.widths.values())
        refitted = f", refitted on {used} samples" if done.fits else ""
        saved = f"{1 - after / before:.1%} of the multiply-adds are gone"
        notes = [f"{cut} of {len(done.widths)} groups of channels are narrower; {saved}{refitted}."]
        if settings.allocation == "balanced" and 1 - after / before < 0.9 * settings.fraction:
            wanted, step = f"{settings.fraction:.0%}", settings.multiple_of
            notes.append(f"{wanted} was asked for, but more cannot go with widths in multiples of {step}.")
        figures = {
            "multiply_adds_before": before,
            "multiply_adds_after": after,
            "samples": used,
            "widths": {name: list(pair) for name, pair in done.widths.items()},
            "fits": [{"layer": f.name, "before": f.error_before, "after": f.error_after} for f in done.fits],
        }
        return StepOutput(tuple(notes), figures)
