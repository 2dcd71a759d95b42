"""Least squares by normal equations that grow batch by batch: min over W, b of ‖X·W + b − Y‖² in the memory of XᵀX."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class NormalEquations:
    """Sums over rows of inputs X (features) and targets Y (outputs).

    With `with_bias` a feature that is always 1 stands last. Sums are kept in 64 bits; a batch is multiplied in 32.
    """

    def __init__(self, features: int, outputs: int, with_bias: bool = True) -> None:
        size = features + with_bias
        self.with_bias = with_bias
        self.gram: Doubles = np.zeros((size, size))
        """XᵀX."""
        self.cross: Doubles = np.zeros((size, outputs))
        """XᵀY."""
        self.energy: Doubles = np.zeros(outputs)
        """ΣY² per output."""
        self.target_sum: Doubles = np.zeros(outputs)
        self.rows = 0

    def add(self, x: NDArray[np.float32], y: NDArray[np.float32] | None = None) -> None:
        """Take in rows: R×features and R×outputs. Without targets only XᵀX grows."""
        if self.with_bias:
            x = np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
        self.gram += x.T @ x
        self.rows += len(x)
        if y is not None:
            self.cross += x.T @ y
            self.energy += np.einsum("ro,ro->o", y, y, dtype=np.float64)
            self.target_sum += y.sum(axis=0, dtype=np.float64)

    def solve(self, reference: Doubles, ridge: float) -> Doubles:
        """The weights (bias last) that fit best while a penalty holds them near `reference`.

        Minimizes ‖X·W − Y‖² + λ‖W − W_ref‖², λ = `ridge` × the mean diagonal of XᵀX; the bias is free. Since the
        penalty is 0 at W_ref, the result never fits worse than W_ref (ridge regression: A. Hoerl, R. Kennard, 1970,
        shrunk to a prior mean instead of 0).
        """
        penalty = self.penalty(ridge)
        left = self.gram + np.diag(penalty)
        solved: Doubles = reference + np.linalg.solve(left, self.cross - self.gram @ reference)
        return solved if self.error(solved) <= self.error(reference) else reference

    def penalty(self, ridge: float) -> Doubles:
        """λ per feature."""
        features = len(self.gram) - self.with_bias
        weight = max(ridge * float(np.trace(self.gram[:features, :features])) / max(1, features), 1e-12)
        penalty = np.full(len(self.gram), weight)
        if self.with_bias:
            penalty[-1] = 1e-9 * max(1, self.rows)
        return penalty

    def error(self, weights: Doubles) -> float:
        """‖X·W − Y‖² of all rows seen."""
        fitted = np.einsum("fo,fo->", weights, self.gram @ weights) - 2 * np.einsum("fo,fo->", weights, self.cross)
        return max(0.0, float(fitted + self.energy.sum()))

    def spread(self) -> float:
        """Σ(Y − mean Y)²: what a constant answer would miss."""
        return max(0.0, float((self.energy - self.target_sum**2 / max(1, self.rows)).sum()))


def stacked(matrix: NDArray[np.floating], bias: NDArray[np.floating] | None, with_bias: bool) -> Doubles:
    """Weights and bias as one matrix, the bias last."""
    if not with_bias:
        return matrix.astype(np.float64)
    last = np.zeros(matrix.shape[1]) if bias is None else bias
    return np.concatenate([matrix, last[None]], axis=0).astype(np.float64)
