"""How much a group of channels matters to the answer, so that errors in different layers can be compared.

A layer's reconstruction error says little about the answer: late layers repeat themselves, early ones are all there is.
So each group is cut once, alone, its readers refitted, and what that does to the model's output is put against the
reconstruction error there. The sensitivity analysis of H. Li et al., "Pruning Filters for Efficient ConvNets", ICLR
2017, section 3.2, with one measurement per group instead of a curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, bias_of, can_hold_bias, layer_of, matrix_of, store_bias, store_matrix
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay
from edgeyard.optimize.prune.eliminate import Elimination
from edgeyard.optimize.prune.exit_graph import ends_in_softmax
from edgeyard.optimize.prune.group import ChannelGroup
from edgeyard.optimize.prune.least_squares import Doubles, stacked
from edgeyard.optimize.prune.logistic import softmax
from edgeyard.optimize.prune.sampling import Sampling

SAMPLES = 128
_LEAST = 1e-9


def weigh_by_effect(
    graph: OnnxGraph,
    groups: Sequence[ChannelGroup],
    eliminations: Mapping[str, Elimination],
    sampling: Sampling,
    tell: Callable[[float, str], None],
) -> dict[str, Elimination]:
    """The eliminations with errors in units of change of the first output, measured on up to 128 samples."""
    data = sampling.dataset
    few = data.take(np.linspace(0, len(data) - 1, min(SAMPLES, len(data))).astype(np.int64), data.title)
    scratch = graph.copy()
    replay = Replay(scratch, few, sampling.batch, sampling.memory_bytes // 4, sampling.threads)
    before = _answers(replay, scratch)
    place = {node.output[0]: number for number, node in enumerate(scratch.nodes)}
    found = {}
    # In the order of the first readers, what is kept from one group to the next lies before all that is changed.
    ordered = sorted(groups, key=lambda group: place[group.uses[0].layer.node.output[0]])
    for number, group in enumerate(ordered):
        tell(number / len(groups), f"Looking at what {group.name} does")
        elimination = eliminations[group.name]
        first = group.uses[0].layer.input
        for _ in replay.batches([first], [first]):
            pass
        readers = [_own(scratch, use.layer) for use in group.uses]
        kept = [_swap(scratch, layer, new) for layer, new in zip(readers, elimination.refitted, strict=True)]
        change = _change(before, _answers(replay, scratch), ends_in_softmax(graph))
        for layer, old in zip(readers, kept, strict=True):
            _swap(scratch, layer, old)
        error = elimination.error[elimination.probe - 1]
        found[group.name] = elimination.scaled((change + _LEAST) / (error + _LEAST))
    return found


def _answers(replay: Replay, graph: OnnxGraph) -> NDArray[np.float32]:
    output = graph.outputs[0]
    return np.concatenate([batch[output] for batch in replay.batches([output])])


def _own(graph: OnnxGraph, layer: Layer) -> Layer:
    """The same layer in a copy of its graph."""
    node = graph.maker(layer.node.output[0])
    own = None if node is None else layer_of(graph, node)
    assert own is not None, "the graph is a copy"
    return own


def _swap(graph: OnnxGraph, layer: Layer, weights: Doubles) -> Doubles:
    """Put weights (bias last) into a layer; those that were there."""
    with_bias = can_hold_bias(graph, layer)
    old = stacked(matrix_of(graph, layer), bias_of(graph, layer), with_bias)
    store_matrix(graph, layer, weights[:-1] if with_bias else weights)
    if with_bias:
        store_bias(graph, layer, weights[-1])
    return old


def _change(before: NDArray[np.float32], after: NDArray[np.float32], probabilities: bool) -> float:
    """Kullback–Leibler divergence of class probabilities; for other outputs the part of their variance that differs."""
    if before.ndim != 2 or before.shape[1] < 2:
        difference = (after.astype(np.float64) - before) ** 2
        return float(difference.mean() / max(float(before.astype(np.float64).var()), 1e-30))
    one, other = (np.maximum(each if probabilities else softmax(each), 1e-9) for each in (before, after))
    return max(0.0, float((one * (np.log(one) - np.log(other))).sum(axis=1).mean()))
