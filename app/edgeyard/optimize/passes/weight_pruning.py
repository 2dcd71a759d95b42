"""Unstructured and N:M pruning: single weights become 0. The file compresses better; most runtimes are not faster."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.tidy import write_model
from edgeyard.optimize.prune.obstacle import pruning_obstacle, read_with_layers
from edgeyard.optimize.prune.sampling import sampling_for, walk_cost_s
from edgeyard.optimize.step import Settings, StepInput, StepOutput, Trait
from edgeyard.optimize.summary import ModelSummary

_NOT_FASTER = (
    "onnxruntime multiplies zeros like other numbers: the gain is size after compression, on disk and over the network,"
    " not speed."
)


class WeightPruningSettings(Settings, frozen=True):
    """How many weights go, in which pattern."""

    pattern: Annotated[
        Literal["unstructured", "2:4", "4:8"],
        Meta(
            description="unstructured: anywhere; 2:4 and 4:8: half of each run of 4 or 8 input channels, for hardware"
            " with sparse matrix units"
        ),
    ] = "unstructured"
    sparsity: Annotated[
        float, Meta(gt=0, le=0.98, description="part of each layer's weights that become 0, when unstructured")
    ] = 0.5
    recover: Annotated[
        bool, Meta(description="refit the remaining weights by least squares on calibration samples")
    ] = True
    min_weights: Annotated[
        int, Meta(ge=1, le=1 << 30, description="layers with fewer weights stay dense; so do depthwise ones")
    ] = 1024
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


class WeightPruning:
    """`prune.sparse` as a pass."""

    kind: ClassVar[str] = "prune-weights"
    title: ClassVar[str] = "Weight pruning"
    text: ClassVar[str] = (
        "Sets single weights to zero, anywhere or in a 2:4 pattern, and refits the others by least squares on"
        f" calibration samples. {_NOT_FASTER}"
    )
    settings_type: ClassVar[type[Settings]] = WeightPruningSettings

    def trait(self, settings: WeightPruningSettings, source: Trait) -> Trait:
        """As before: only values change."""
        return source

    def obstacle(self, settings: WeightPruningSettings, given: StepInput) -> str:
        """Needs 32-bit weights and, to refit, calibration samples."""
        return pruning_obstacle(given, settings.recover, ("Conv", "Gemm", "MatMul"))

    def cost_s(self, settings: WeightPruningSettings, summary: ModelSummary, samples: int) -> float:
        """One run of the original and one of the pruned model."""
        if not settings.recover:
            return 0.2 + summary.parameters / 2e7
        used = min(samples, settings.samples)
        return 0.5 + len(summary.layers) / 200 + walk_cost_s(summary, used, settings.rows, 2.0, 1.5)

    def run(self, settings: WeightPruningSettings, given: StepInput, out: Path) -> StepOutput:
        """Choose, refit, write. `UserError` when every layer is too small."""
        from edgeyard.optimize.prune.sparse import Pattern, SparsePlan, make_sparse

        sampling = None
        if settings.recover and given.calibration is not None:
            seconds = self.cost_s(settings, given.summary, len(given.calibration))
            sampling = sampling_for(given, settings.samples, settings.rows, seconds)
        graph = read_with_layers(given)
        keep, of = (0, 0) if settings.pattern == "unstructured" else map(int, settings.pattern.split(":"))
        plan = SparsePlan(Pattern(settings.sparsity, keep, of), settings.recover, settings.ridge, settings.min_weights)
        done, fits = make_sparse(graph, plan, sampling, given.tell)
        zeros = sum(each.zeros for each in done)
        if not zeros:
            raise UserError(
                f"No layer has {settings.min_weights} weights in whole runs, so nothing was set to 0.",
                "Use a smaller min_weights, or leave this step out.",
            )
        write_model(graph.to_model(), out)
        before, after = (len(zlib.compress(path.read_bytes(), 6)) for path in (given.source, out))
        figures = {
            "zeros": zeros,
            "weights": sum(each.weights for each in done),
            "compressed_bytes_before": before,
            "compressed_bytes_after": after,
            "samples": len(sampling.dataset) if sampling else 0,
            "layers": [{"layer": each.name, "weights": each.weights, "zeros": each.zeros} for each in done],
            "fits": [{"layer": f.name, "before": f.error_before, "after": f.error_after} for f in fits],
        }
        share = zeros / sum(each.weights for each in done)
        size = f"compressed it has {after / before:.0%} of the size"
        return StepOutput((f"{share:.0%} of the weights of {len(done)} layers are 0; {size}.", _NOT_FASTER), figures)
