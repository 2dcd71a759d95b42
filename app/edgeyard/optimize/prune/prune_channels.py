"""Cut channels out of a model and refit what is left: choose on the original, cut everywhere, refit in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.fold import fold_batch_norms
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.effect import weigh_by_effect
from edgeyard.optimize.prune.group import channel_groups, cut
from edgeyard.optimize.prune.label import LabelBook
from edgeyard.optimize.prune.order_channels import can_order, order_by_magnitude, order_by_reconstruction
from edgeyard.optimize.prune.recover import LayerFit, Recovery, ridge_solver
from edgeyard.optimize.prune.sampling import Sampling
from edgeyard.optimize.prune.width import balanced, layer_costs, total_cost, uniform


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What to cut: `fraction` of every group's channels (`uniform`) or of the multiply-adds (`balanced`)."""

    fraction: float
    multiple_of: int = 1
    allocation: str = "uniform"
    score: str = "reconstruction"
    recover: bool = True
    ridge: float = 1e-3


@dataclass(frozen=True, slots=True)
class PrunedChannels:
    """What was done: per group its width before and after, the fits, and the multiply-adds of the layers concerned."""

    widths: dict[str, tuple[int, int]]
    fits: tuple[LayerFit, ...]
    multiply_adds_before: int
    multiply_adds_after: int

    def why_nothing(self, multiple_of: int) -> str:
        """Why all groups are as wide as before."""
        if not self.widths:
            return "every channel is needed where it is, by a shortcut, an output or an operator that mixes channels."
        widest = max(before for before, _ in self.widths.values())
        return f"the {len(self.widths)} groups are at most {widest} wide, and widths are multiples of {multiple_of}."


def prune_channels(
    graph: OnnxGraph, plan: ChannelPlan, sampling: Sampling | None, tell: Callable[[float, str], None]
) -> PrunedChannels:
    """Edit `graph` in place. `tell` takes the part done and a sentence. By magnitude alone it needs no samples."""
    fold_batch_norms(graph)
    original = graph.copy()
    groups, book = channel_groups(graph)
    groups = [group for group in groups if len(group) > 1]
    if sampling is None or plan.score == "magnitude":
        eliminations = {group.name: order_by_magnitude(graph, book, group) for group in groups}
    else:
        groups = [group for group in groups if all(can_order(graph, use.layer, sampling) for use in group.uses)]
        eliminations = order_by_reconstruction(
            original, groups, sampling, plan.ridge, plan.fraction, lambda part, text: tell(0.3 * part, text)
        )
        if plan.allocation == "balanced":
            eliminations = weigh_by_effect(
                original, groups, eliminations, sampling, lambda part, text: tell(0.3 + 0.2 * part, text)
            )
    costs = layer_costs(graph, book)
    if plan.allocation == "balanced":
        kept = balanced(groups, eliminations, costs, book, plan.fraction, plan.multiple_of)
    else:
        kept = uniform(groups, plan.fraction, plan.multiple_of)
    gone = {
        group.channels[number]
        for group in groups
        for number in eliminations[group.name].order[: len(group) - kept[group.name]]
    }
    before, after = (int(total_cost(costs, book, which)) for which in (set(), gone))
    kept_outputs, changed = _kept_outputs(book, gone)
    cut(graph, book, gone)
    fits: list[LayerFit] = []
    if plan.recover and gone and sampling is not None:
        solve = ridge_solver(plan.ridge)
        walk = Recovery(
            original, graph, sampling, kept_outputs, changed, solve, lambda part, text: tell(0.5 + 0.5 * part, text)
        )
        fits = walk.run()
    sizes = {group.name: (group.width, group.width - len(group) + kept[group.name]) for group in groups}
    return PrunedChannels(sizes, tuple(fits), before, after)


def _kept_outputs(book: LabelBook, gone: set[int]) -> tuple[dict[str, NDArray[np.int64]], set[str]]:
    """Which outputs of each layer stay, and which nodes read fewer channels now."""
    removed = np.array(sorted(gone), np.int64)
    kept, changed = {}, set()
    for slot in book.slots:
        stays = ~np.isin(book.roots(slot.labels), removed)
        if stays.all():
            continue
        name = slot.node.output[0]
        if slot.role == "output" or (slot.role == "parameter" and slot.slot == 1):
            kept[name] = np.flatnonzero(stays)
        if slot.role == "input":
            changed.add(name)
    return kept, changed
