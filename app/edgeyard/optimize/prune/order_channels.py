"""In which order the channels of each group go: by what their readers cannot make good, or by size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, matrix_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.eliminate import Elimination, ReaderState, by_magnitude, eliminate
from edgeyard.optimize.prune.group import ChannelGroup, ChannelUse
from edgeyard.optimize.prune.label import LabelBook
from edgeyard.optimize.prune.recover import DenseFit, fit_for
from edgeyard.optimize.prune.sampling import Sampling


def can_order(graph: OnnxGraph, layer: Layer, sampling: Sampling) -> bool:
    """Whether a layer that reads channels can say which it misses least: dense, and its sums fit in the memory."""
    return isinstance(fit_for(graph, layer, sampling), DenseFit)


def _features(graph: OnnxGraph, use: ChannelUse) -> list[NDArray[np.int64]]:
    """Rows of the layer's matrix that belong to each channel of the use."""
    weight = weight_of(graph, use.layer)
    kernel = weight[0, 0].size if use.layer.operator == "Conv" else 1
    return [(where[:, None] * kernel + np.arange(kernel)).reshape(-1) for where in use.positions]


def order_by_magnitude(graph: OnnxGraph, book: LabelBook, group: ChannelGroup) -> Elimination:
    """The channels with the smallest weights first."""
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


def order_by_reconstruction(
    graph: OnnxGraph,
    groups: Sequence[ChannelGroup],
    sampling: Sampling,
    ridge: float,
    probe: float,
    tell: Callable[[float, str], None],
) -> dict[str, Elimination]:
    """Eliminations by the readers' reconstruction error, from one run of the original over the samples.

    Each remembers the refitted readers with the part `probe` of its channels gone.
    """
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
            states.append(ReaderState(fit.normal, fit.weights, _features(graph, use), ridge))
        found[group.name] = eliminate(states, len(group), len(group) - 1, max(1, round(probe * (len(group) - 1))))
    return found
