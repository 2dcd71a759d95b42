"""Cut channels out of a model and refit what is left: choose on the original, cut everywhere, refit in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.fold import fold_batch_norms
from edgeyard.optimize.graph.layer import Layer, matrix_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.eliminate import Elimination, ReaderState, by_magnitude, eliminate
from edgeyard.optimize.prune.group import ChannelGroup, ChannelUse, channel_groups, cut
from edgeyard.optimize.prune.label import LabelBook
from edgeyard.optimize.prune.recover import DenseFit, LayerFit, Recovery, fit_for, ridge_solver
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
        eliminations = {group.name: _by_magnitude(graph, book, group) for group in groups}
    else:
        groups = [group for group in groups if all(_fits(graph, use.layer, sampling) for use in group.uses)]
        eliminations = _by_reconstruction(original, groups, plan, sampling, lambda part, text: tell(0.4 * part, text))
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
            original, graph, sampling, kept_outputs, changed, solve, lambda part, text: tell(0.4 + 0.6 * part, text)
        )
        fits = walk.run()
    sizes = {group.name: (group.width, group.width - len(group) + kept[group.name]) for group in groups}
    return PrunedChannels(sizes, tuple(fits), before, after)


def _fits(graph: OnnxGraph, layer: Layer, sampling: Sampling) -> bool:
    return isinstance(fit_for(graph, layer, sampling), DenseFit)


def _features(graph: OnnxGraph, use: ChannelUse) -> list[NDArray[np.int64]]:
    """Rows of the layer's matrix that belong to each channel of the use."""
    weight = weight_of(graph, use.layer)
    kernel = weight[0, 0].size if use.layer.operator == "Conv" else 1
    return [(where[:, None] * kernel + np.arange(kernel)).reshape(-1) for where in use.positions]


def _by_magnitude(graph: OnnxGraph, book: LabelBook, group: ChannelGroup) -> Elimination:
    makers = []
    for layer in group.makers:
        if layer.operator == "ConvTranspose":
            weight = weight_of(graph, layer)
            matrix = np.moveaxis(weight, 1, -1).reshape(-1, weight.shape[1]).astype(np.float64)
        else:
            matrix = matrix_of(graph, layer).astype(np.float64)
        slot = next(s for s in book.slots if s.node is layer.node and s.role == "output")
        roots = book.roots(slot.labels)
        makers.append((matrix, [np.flatnonzero(roots == channel) for channel in group.channels]))
    return by_magnitude(makers, len(group), len(group) - 1)


def _by_reconstruction(
    graph: OnnxGraph,
    groups: Sequence[ChannelGroup],
    plan: ChannelPlan,
    sampling: Sampling,
    tell: Callable[[float, str], None],
) -> dict[str, Elimination]:
    """Eliminations by the readers' reconstruction error, from one run of the original over the samples."""
    fits: dict[str, DenseFit] = {}
    for group in groups:
        for use in group.uses:
            if use.layer.node.output[0] not in fits:
                fit = fit_for(graph, use.layer, sampling)
                assert isinstance(fit, DenseFit), "others were left out"
                fits[use.layer.node.output[0]] = fit
    tensors = list(dict.fromkeys(fit.layer.input for fit in fits.values()))
    batches = -(-len(sampling.dataset) // sampling.batch)
    for number, batch in enumerate(sampling.replay(graph).batches(tensors)):
        tell(0.7 * number / batches, "Looking at the channels")
        for fit in fits.values():
            fit.add(batch[fit.layer.input])
    found = {}
    for number, group in enumerate(groups):
        tell(0.7 + 0.3 * number / len(groups), f"Ordering the channels of {group.name}")
        states = []
        for use in group.uses:
            fit = fits[use.layer.node.output[0]]
            states.append(ReaderState(fit.normal, fit.weights, _features(graph, use), plan.ridge))
        found[group.name] = eliminate(states, len(group), len(group) - 1)
    return found


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
