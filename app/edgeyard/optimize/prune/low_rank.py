"""Replace a layer by two thin ones: W (features × outputs) ≈ A · B with r columns between them.

The best A · B for the data is found from the outputs alone: ‖X·W − X·A·B‖ is least for A = W·P, B = Pᵀ, where P are
the r directions in which the outputs Y = X·W vary most (Eckart–Young applied to X·W; X. Zhang et al., "Accelerating
Very Deep Convolutional Networks for Classification and Detection", TPAMI 2016, section 3.1). It equals an SVD of W
whitened by the covariance of the inputs, but needs no inverse, and stays right where there are fewer samples than
features. Plain SVD of W, by contrast, spends its rank on directions in which the inputs never vary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, bias_of, can_hold_bias, layers, matrix_of, store_bias, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, set_attribute
from edgeyard.optimize.graph.rows import product_rows, window_of
from edgeyard.optimize.prune.least_squares import NormalEquations
from edgeyard.optimize.prune.recover import LayerFit, Recovery, ridge_solver
from edgeyard.optimize.prune.sampling import Sampling

PRODUCTS = ("Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class RankPlan:
    """`max_error`: what part of a layer's output variance may be lost; `min_saving`: what part of its multiply-adds
    must be saved; `operators`: the kinds of layers looked at."""

    max_error: float
    min_saving: float
    operators: Sequence[str] = PRODUCTS
    multiple_of: int = 8
    min_weights: int = 4096
    ridge: float = 1e-3
    recover: bool = True


@dataclass(frozen=True, slots=True)
class FactoredLayer:
    """One replaced layer. `error` is the part of the output variance that the rank loses, before refitting."""

    name: str
    features: int
    outputs: int
    rank: int
    error: float

    @property
    def saved(self) -> float:
        """The part of its multiply-adds that is gone."""
        return 1 - self.rank * (self.features + self.outputs) / (self.features * self.outputs)


def factor_layers(
    graph: OnnxGraph, plan: RankPlan, sampling: Sampling, tell: Callable[[float, str], None]
) -> tuple[list[FactoredLayer], list[LayerFit]]:
    """Replace every layer where it pays, in place; then refit what follows the first replaced one."""
    original = graph.copy()
    candidates = [layer for layer in layers(graph) if _eligible(graph, layer, plan)]
    sums = {layer.output: NormalEquations(weight_width(graph, layer), 1) for layer in candidates}
    batches = -(-len(sampling.dataset) // sampling.batch)
    rng = np.random.default_rng(sampling.seed)
    if candidates:
        for number, batch in enumerate(sampling.replay(graph).batches(list(sums))):
            tell(0.5 * number / batches, "Looking at the outputs of the layers")
            for layer in candidates:
                values = batch[layer.output]
                last = np.moveaxis(values, 1, -1) if layer.operator == "Conv" else values
                rows, _ = product_rows(last, None, sampling.per_sample(last.shape[-1]), rng)
                sums[layer.output].add(rows)
    done = []
    for layer in candidates:
        found = _factor(graph, layer, sums[layer.output], plan)
        if found is not None:
            done.append(found)
    fits: list[LayerFit] = []
    if done and plan.recover:
        new = {layer.node.output[0] for layer in layers(graph)} - {layer.node.output[0] for layer in layers(original)}
        walk = Recovery(
            original,
            graph,
            sampling,
            {},
            new,
            ridge_solver(plan.ridge),
            lambda part, text: tell(0.5 + 0.5 * part, text),
        )
        fits = walk.run()
    return done, fits


def weight_width(graph: OnnxGraph, layer: Layer) -> int:
    """How many outputs a layer has."""
    return int(matrix_of(graph, layer).shape[1])


def _eligible(graph: OnnxGraph, layer: Layer, plan: RankPlan) -> bool:
    if layer.operator not in plan.operators or layer.group != 1:
        return False
    if layer.operator == "Conv" and window_of(layer, weight_of(graph, layer).shape[2:]) is None:
        return False
    features, outputs = matrix_of(graph, layer).shape
    smallest = plan.multiple_of * (features + outputs) / (features * outputs)
    return bool(features * outputs >= plan.min_weights and 1 - smallest >= plan.min_saving)


def _factor(graph: OnnxGraph, layer: Layer, sums: NormalEquations, plan: RankPlan) -> FactoredLayer | None:
    matrix = matrix_of(graph, layer).astype(np.float64)
    with_bias = can_hold_bias(graph, layer)
    mean = sums.gram[-1, :-1] / max(1, sums.rows) if with_bias else np.zeros(matrix.shape[1])
    covariance = sums.gram[:-1, :-1] - sums.rows * np.outer(mean, mean)
    values, directions = np.linalg.eigh(covariance)
    values, directions = np.maximum(values[::-1], 0.0), directions[:, ::-1]
    rank = smallest_rank(values, plan.max_error, plan.multiple_of)
    lost = float(values[rank:].sum() / max(values.sum(), 1e-30))
    found = FactoredLayer(layer.name, matrix.shape[0], matrix.shape[1], rank, lost)
    if found.saved < plan.min_saving:
        return None
    kept = directions[:, :rank]
    bias = bias_of(graph, layer)
    if with_bias:
        # y ≈ mean + (y − mean) · P · Pᵀ, so that what is left out is at its mean.
        before = np.zeros(len(mean)) if bias is None else bias
        store_bias(graph, layer, mean + (before - mean) @ kept @ kept.T)
    _split(graph, layer, matrix @ kept, kept.T)
    return found


def smallest_rank(values: NDArray[np.float64], max_error: float, multiple_of: int) -> int:
    """How many of the largest variances are needed to lose at most `max_error` of their sum, rounded up."""
    left = 1 - np.cumsum(values) / max(float(values.sum()), 1e-30)
    enough = int(np.argmax(left <= max_error + 1e-12)) + 1
    return min(len(values), -(-enough // multiple_of) * multiple_of)


def _split(graph: OnnxGraph, layer: Layer, first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    """Put a node without a bias before the layer's, which keeps its name, output and bias."""
    import onnx

    node, rank = layer.node, first.shape[1]
    hidden = graph.new_name(f"{node.output[0]}_rank")
    before = onnx.NodeProto()
    before.CopyFrom(node)
    del before.input[2:]
    before.output[0], before.name = hidden, f"{layer.name}_rank"
    stored = weight_of(graph, layer)
    if layer.operator == "Conv":
        values, after = first.T.reshape(rank, *stored.shape[1:]), second.T.reshape(-1, rank, *[1] * (stored.ndim - 2))
        axes = stored.ndim - 2
        for name, plain in (("kernel_shape", [1] * axes), ("strides", [1] * axes), ("dilations", [1] * axes)):
            set_attribute(node, name, plain)
        set_attribute(node, "pads", [0] * 2 * axes)
        set_attribute(node, "auto_pad", "NOTSET")
    else:
        values, after = first, second
        for each in (before, node):
            if each.op_type == "Gemm":
                set_attribute(each, "transB", 0)
    name = graph.new_name(f"{node.input[1]}_rank")
    before.input[1] = name
    graph.store(name, values.astype(np.float32))
    graph.nodes.insert(next(i for i, each in enumerate(graph.nodes) if each is node), before)
    graph.index()
    graph.store_for(node, 1, after.astype(np.float32))
    node.input[0] = hidden
    graph.index()
