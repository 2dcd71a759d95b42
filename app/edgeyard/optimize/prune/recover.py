"""Refit a cut model layer by layer: each layer's remaining weights by least squares, with inputs from the model as it
is now and targets from the original, so that later layers also make good what earlier ones lost (the asymmetric
reconstruction of X. Zhang et al., "Accelerating Very Deep Convolutional Networks", TPAMI 2016, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import (
    Layer,
    bias_of,
    can_hold_bias,
    layers,
    matrix_of,
    store_bias,
    store_matrix,
    weight_of,
)
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay
from edgeyard.optimize.graph.rows import conv_rows, product_rows, window_of
from edgeyard.optimize.prune.least_squares import NormalEquations, stacked
from edgeyard.optimize.prune.sampling import Sampling

Solve = Callable[[Layer, NormalEquations, NDArray[np.float64]], NDArray[np.float64]]
"""New weights (bias last) for a layer, from its normal equations and the weights that it has."""


def ridge_solver(ridge: float) -> Solve:
    """Least squares near the weights that are there (`NormalEquations.solve`)."""
    return lambda _layer, normal, reference: normal.solve(reference, ridge)


@dataclass(frozen=True, slots=True)
class LayerFit:
    """How well a layer's outputs follow the original's, as parts of their spread."""

    name: str
    error_before: float
    error_after: float


@dataclass(slots=True)
class Recovery:
    """One walk through the layers of `cut`, which is edited in place.

    `kept_outputs`: by a node's first output, which of the original's output channels are left; absent for all.
    """

    original: OnnxGraph
    cut: OnnxGraph
    sampling: Sampling
    kept_outputs: Mapping[str, NDArray[np.int64]]
    changed: set[str]
    """First outputs of nodes that differ from the original's already: only layers behind those are refitted."""
    solve: Solve
    tell: Callable[[float, str], None] = lambda _fraction, _text: None
    fits: list[LayerFit] = field(default_factory=list)

    def run(self) -> list[LayerFit]:
        """Refit every layer behind a change, in order."""
        waiting = layers(self.cut)
        before, now = self.sampling.replay(self.original), self.sampling.replay(self.cut)
        for number, layer in enumerate(waiting):
            self.tell(number / len(waiting), f"Refitting {layer.name}")
            if self.original.maker(layer.output) is None:
                continue  # it is new, and has nothing to be fitted to
            behind = {node.output[0] for node in self.cut.needed_for([layer.output])}
            if behind & self.changed and self._refit(layer, before, now, waiting[number:]):
                self.changed.add(layer.node.output[0])
        return self.fits

    def _refit(self, layer: Layer, before: Replay, now: Replay, unfinished: list[Layer]) -> bool:
        fit = fit_for(self.cut, layer, self.sampling)
        if fit is None:
            return False
        target, skip = self._target(layer, unfinished)
        kept = self.kept_outputs.get(layer.node.output[0])
        axis = 1 if layer.operator == "Conv" else -1
        wanted = [layer.input, *([skip] if skip else [])]
        for given, asked in zip(now.batches(wanted, wanted), before.batches([target], [target]), strict=True):
            y = asked[target] if kept is None else np.take(asked[target], kept, axis=axis)
            fit.add(given[layer.input], y - given[skip] if skip else y)
        self.fits.append(fit.store(self.solve))
        return True

    def _target(self, layer: Layer, unfinished: list[Layer]) -> tuple[str, str]:
        """The tensor to be met, and what is added to the layer's output before it is met, if anything.

        Where a residual branch ends in an Add, the branch is fitted to the original sum less the shortcut as it is
        now (He et al. 2017, section 3.3), unless the shortcut itself is still to be refitted.
        """
        reader = self.cut.only_reader(layer.output)
        if reader is None or reader.node.op_type != "Add":
            return layer.output, ""
        other = reader.node.input[1 - reader.slot]
        if self.cut.is_constant(other):
            return layer.output, ""
        open_layers = {each.node.output[0] for each in unfinished}
        if any(node.output[0] in open_layers for node in self.cut.needed_for([other])):
            return layer.output, ""
        shapes = self.original.shapes()
        same = shapes.get(other) == shapes.get(layer.output) and None not in (shapes.get(other) or (None,))
        return (reader.node.output[0], other) if same else (layer.output, "")


class DenseFit:
    """A Conv without groups, Gemm or MatMul."""

    def __init__(self, graph: OnnxGraph, layer: Layer, sampling: Sampling) -> None:
        """Empty sums."""
        self.graph, self.layer = graph, layer
        matrix = matrix_of(graph, layer)
        self.window = window_of(layer, weight_of(graph, layer).shape[2:])
        self.per_sample = sampling.per_sample(len(matrix))
        self.rng = np.random.default_rng([sampling.seed, len(matrix)])
        self.normal = NormalEquations(matrix.shape[0], matrix.shape[1], can_hold_bias(graph, layer))

    @property
    def weights(self) -> NDArray[np.float64]:
        """As they are now, the bias last."""
        layer = self.layer
        return stacked(matrix_of(self.graph, layer), bias_of(self.graph, layer), self.normal.with_bias)

    def add(self, x: NDArray[np.float32], y: NDArray[np.float32] | None = None) -> None:
        """Take in a batch of the layer's inputs and, unless only the inputs matter, its targets, as tensors."""
        if self.window is None:
            rows, targets = product_rows(x, y, self.per_sample, self.rng)
        else:
            rows, targets = conv_rows(x, y, self.window, self.per_sample, self.rng)
        self.normal.add(rows.reshape(len(rows), -1), targets)

    def store(self, solve: Solve) -> LayerFit:
        """Solve, and put the weights into the graph."""
        reference = self.weights
        solved = solve(self.layer, self.normal, reference)
        matrix = solved[:-1] if self.normal.with_bias else solved
        store_matrix(self.graph, self.layer, matrix)
        if self.normal.with_bias:
            store_bias(self.graph, self.layer, solved[-1])
        spread = max(self.normal.spread(), 1e-30)
        return LayerFit(self.layer.name, self.normal.error(reference) / spread, self.normal.error(solved) / spread)


class DepthwiseFit:
    """A convolution in which each output channel sees one input channel: a small fit per channel."""

    def __init__(self, graph: OnnxGraph, layer: Layer, sampling: Sampling) -> None:
        """Empty sums."""
        self.graph, self.layer = graph, layer
        weight = weight_of(graph, layer)
        window = window_of(layer, weight.shape[2:])
        assert window is not None, "fit_for has looked"
        self.window = window
        self.per_sample = sampling.per_sample(weight[0].size)
        self.rng = np.random.default_rng([sampling.seed, weight.size])
        self.equations = [NormalEquations(weight[0].size, 1) for _ in range(len(weight))]

    def add(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        """Take in a batch of the layer's inputs and targets, as tensors."""
        rows, targets = conv_rows(x, y, self.window, self.per_sample, self.rng)
        assert targets is not None, "targets were given"
        times = targets.shape[1] // rows.shape[1]
        for channel, normal in enumerate(self.equations):
            normal.add(rows[:, channel // times], targets[:, channel : channel + 1])

    def store(self, solve: Solve) -> LayerFit:
        """Solve per channel, and put the weights into the graph."""
        matrix, bias = matrix_of(self.graph, self.layer), bias_of(self.graph, self.layer)
        reference = stacked(matrix, bias, with_bias=True)
        solved = np.concatenate(
            [solve(self.layer, normal, reference[:, [c]]) for c, normal in enumerate(self.equations)], axis=1
        )
        store_matrix(self.graph, self.layer, solved[:-1])
        store_bias(self.graph, self.layer, solved[-1])
        spread = max(sum(normal.spread() for normal in self.equations), 1e-30)
        errors = [
            sum(normal.error(weights[:, [c]]) for c, normal in enumerate(self.equations)) / spread
            for weights in (reference, solved)
        ]
        return LayerFit(self.layer.name, *errors)


def fit_for(graph: OnnxGraph, layer: Layer, sampling: Sampling) -> DenseFit | DepthwiseFit | None:
    """The fit for a layer; `None` for kinds that have none, or where it would not fit in the memory."""
    if layer.operator == "ConvTranspose":
        return None
    weight = weight_of(graph, layer)
    if layer.operator == "Conv":
        if window_of(layer, weight.shape[2:]) is None or (layer.group > 1 and weight.shape[1] > 1):
            return None
        if layer.group > 1:
            return DepthwiseFit(graph, layer, sampling)
    return DenseFit(graph, layer, sampling) if sampling.fits(len(matrix_of(graph, layer))) else None
