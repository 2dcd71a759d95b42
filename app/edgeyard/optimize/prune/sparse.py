"""Set single weights to zero, and refit the others so that a layer's outputs change least.

Which go: the saliency of Optimal Brain Surgeon, w² ÷ [H⁻¹]_jj with H = XᵀX + λ (B. Hassibi, D. Stork, NIPS 1992; E.
Frantar, D. Alistarh, "SparseGPT", ICML 2023), in a few rounds of rising sparsity with a refit after each (S. Han et
al., NIPS 2015, do so with training). The refit is least squares on the weights that are left, by conjugate gradients
on all outputs at once: a product with H per step, and the error falls with each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, layers, matrix_of, store_matrix, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.least_squares import Doubles, NormalEquations
from edgeyard.optimize.prune.recover import LayerFit, Recovery, Solve, ridge_solver
from edgeyard.optimize.prune.sampling import Sampling

Mask = NDArray[np.bool_]
DENSE = ("Conv", "Gemm", "MatMul")
ROUNDS = 4
STEPS = 60


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which weights may go: `sparsity` of a layer's, anywhere (`of` = 0), or all but `keep` in each run of `of` inputs.

    Runs are along the input channels, as hardware for 2:4 sparsity wants (A. Mishra et al., "Accelerating Sparse Deep
    Neural Networks", 2021). What does not fill a run stays.
    """

    sparsity: float = 0.5
    keep: int = 0
    of: int = 0

    def mask(self, scores: Doubles, kernel: int, part: float = 1.0) -> Mask:
        """What stays, features × outputs, the lowest scores gone; `part` of the pattern's zeros, for early rounds."""
        if not self.of:
            count = int(scores.size * self.sparsity * part)
            stays = np.ones(scores.size, np.bool_)
            stays[np.argsort(scores, axis=None, kind="stable")[:count]] = False
            return stays.reshape(scores.shape)
        channels, outputs = len(scores) // kernel, scores.shape[1]
        runs = channels // self.of
        # Features are channels × kernel positions; a run is `of` channels at one position.
        whole = scores.reshape(channels, kernel, outputs)[: runs * self.of].reshape(runs, self.of, kernel, outputs)
        ranks = np.argsort(np.argsort(whole, axis=1, kind="stable"), axis=1, kind="stable")
        stays = np.ones((channels, kernel, outputs), np.bool_)
        gone = round((self.of - self.keep) * part)
        stays[: runs * self.of] = (ranks >= gone).reshape(runs * self.of, kernel, outputs)
        return stays.reshape(scores.shape)


@dataclass(frozen=True, slots=True)
class SparsePlan:
    """`pattern` for every layer of at least `min_weights` weights; without `recover` the smallest just become 0."""

    pattern: Pattern
    recover: bool = True
    ridge: float = 1e-3
    min_weights: int = 1024


@dataclass(frozen=True, slots=True)
class SparseLayer:
    """One layer: how many weights it has, and how many of them are 0 now."""

    name: str
    weights: int
    zeros: int


def make_sparse(
    graph: OnnxGraph, plan: SparsePlan, sampling: Sampling | None, tell: Callable[[float, str], None]
) -> tuple[list[SparseLayer], list[LayerFit]]:
    """Edit `graph` in place."""
    chosen = {
        layer.node.output[0]
        for layer in layers(graph)
        if layer.operator in DENSE and layer.group == 1 and matrix_of(graph, layer).size >= plan.min_weights
    }
    fits: list[LayerFit] = []
    if plan.recover and sampling is not None:
        solve = sparse_solver(graph, plan, chosen)
        fits = Recovery(graph.copy(), graph, sampling, {}, set(chosen), solve, tell).run()
    else:
        for layer in layers(graph):
            if layer.node.output[0] in chosen:
                matrix = matrix_of(graph, layer)
                stays = plan.pattern.mask(np.abs(matrix).astype(np.float64), kernel_size(graph, layer))
                store_matrix(graph, layer, np.where(stays, matrix, 0.0))
    found = [layer for layer in layers(graph) if layer.node.output[0] in chosen]
    matrices = [(layer.name, matrix_of(graph, layer)) for layer in found]
    return [SparseLayer(name, matrix.size, int((matrix == 0).sum())) for name, matrix in matrices], fits


def sparse_solver(graph: OnnxGraph, plan: SparsePlan, chosen: Collection[str]) -> Solve:
    """Makes the layers in `chosen` (by node output) sparse, and refits the others as they are."""
    plain = ridge_solver(plan.ridge)

    def solve(layer: Layer, normal: NormalEquations, reference: Doubles) -> Doubles:
        if layer.node.output[0] not in chosen:
            return plain(layer, normal, reference)
        return sparse_fit(normal, reference, plan.pattern, kernel_size(graph, layer), plan.ridge)

    return solve


def kernel_size(graph: OnnxGraph, layer: Layer) -> int:
    """How many features of a layer belong to one input channel."""
    return int(weight_of(graph, layer)[0, 0].size) if layer.operator == "Conv" else 1


def sparse_fit(normal: NormalEquations, reference: Doubles, pattern: Pattern, kernel: int, ridge: float) -> Doubles:
    """Weights in the pattern, refitted (bias last, never masked); never worse than the reference in the same mask."""
    features = len(normal.gram) - normal.with_bias
    penalty = normal.penalty(ridge)
    saliency = 1 / np.diag(np.linalg.inv(normal.gram + np.diag(penalty)))[:features, None]
    weights = bare = reference
    stays = np.ones((features, reference.shape[1]), np.bool_)
    for number in range(1, ROUNDS + 1):
        scores = np.where(stays, weights[:features] ** 2 * saliency, -1.0)
        stays = pattern.mask(scores, kernel, number / ROUNDS)
        support = np.concatenate([stays, np.ones((len(reference) - features, reference.shape[1]), np.bool_)])
        bare = np.where(support, reference, 0.0)
        weights = masked_fit(normal, np.where(support, weights, 0.0), bare, support, penalty)
    return weights if normal.error(weights) <= normal.error(bare) else bare


def masked_fit(normal: NormalEquations, start: Doubles, reference: Doubles, support: Mask, penalty: Doubles) -> Doubles:
    """min ‖X·W − Y‖² + λ‖W − W_ref‖² over the weights in `support`, from `start`, by conjugate gradients.

    Every output is a problem of its own with its own step lengths; H is shared. Preconditioned by H's diagonal (M.
    Hestenes, E. Stiefel, 1952). The objective never rises.
    """
    left = normal.gram + np.diag(penalty)
    right = normal.cross + penalty[:, None] * reference
    scale = 1 / np.maximum(np.diag(left), 1e-30)[:, None]
    weights = np.where(support, start, 0.0)
    residual = np.where(support, right - left @ weights, 0.0)
    step = scale * residual
    along = (residual * step).sum(axis=0)
    aim = 1e-10 * np.maximum(along, 1e-30)
    for _ in range(STEPS):
        if (along <= aim).all():
            break
        pushed = np.where(support, left @ step, 0.0)
        length = along / np.maximum((step * pushed).sum(axis=0), 1e-30)
        weights = weights + length * step
        residual = residual - length * pushed
        conditioned = scale * residual
        following = (residual * conditioned).sum(axis=0)
        step = conditioned + following / np.maximum(along, 1e-30) * step
        along = following
    return weights
