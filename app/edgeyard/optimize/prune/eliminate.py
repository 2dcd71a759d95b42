"""In which order channels go, so that what their readers compute changes least when they are refitted.

Backward elimination with the exact least-squares refit after each step. Removing the features q of a layer whose
weights are W costs, once the others are refitted, tr(W_qᵀ [H⁻¹]_qq⁻¹ W_q), H = XᵀX + λ; the refit subtracts
H⁻¹_:q [H⁻¹]_qq⁻¹ W_q. That is Optimal Brain Surgeon (B. Hassibi, D. Stork, NIPS 1992) with blocks of features instead
of single weights, as in E. Frantar, D. Alistarh, "Optimal Brain Compression", NeurIPS 2022, on the objective of
He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.prune.least_squares import Doubles, NormalEquations


class ReaderState:
    """One layer that reads the channels: its weights as they would be refitted, and H⁻¹."""

    def __init__(self, normal: NormalEquations, weights: Doubles, features: Sequence[NDArray[np.int64]], ridge: float):
        """`features[c]` are the rows of `weights` (bias last) that belong to channel c."""
        self.features = list(features)
        predicted = normal.gram @ weights
        self.inverse: Doubles = np.linalg.inv(normal.gram + np.diag(normal.penalty(ridge))).astype(np.float64)
        # Weights of inputs that are always 0 do nothing, but λ would charge for losing them.
        power = np.diag(normal.gram)
        self.weights: Doubles = np.where(power[:, None] > 1e-9 * power.mean(), weights, 0.0)
        mean = predicted[-1] if normal.with_bias else np.zeros(weights.shape[1])
        self.scale = float(np.einsum("fo,fo->", weights, predicted) - (mean**2).sum() / max(1, normal.rows))
        """Σ(Y − mean Y)² of the layer's own outputs: errors of different layers compare as parts of it."""

    def costs(self, channels: Sequence[int]) -> Doubles:
        """What removing each channel adds to the error, as a part of the spread of the outputs."""
        blocks = np.stack([self.inverse[np.ix_(self.features[c], self.features[c])] for c in channels])
        weights = np.stack([self.weights[self.features[c]] for c in channels])
        solved = np.linalg.solve(blocks, weights)
        total: Doubles = np.einsum("cfo,cfo->c", weights, solved)
        return np.maximum(total, 0.0) / max(self.scale, 1e-30)

    def remove(self, channel: int) -> None:
        """Refit without that channel."""
        rows = self.features[channel]
        block = np.linalg.solve(self.inverse[np.ix_(rows, rows)], np.eye(len(rows)))
        column = self.inverse[:, rows] @ block
        self.weights -= column @ self.weights[rows]
        self.inverse -= column @ self.inverse[rows]
        self.weights[rows] = 0.0


@dataclass(frozen=True, slots=True)
class Elimination:
    """Channels by number, the first to go first, and the error after each (a part of the readers' output spread)."""

    order: tuple[int, ...]
    error: tuple[float, ...]
    probe: int = 0
    """How many were gone when `refitted` was taken."""
    refitted: tuple[Doubles, ...] = ()
    """The readers' weights (bias last) at that time, 0 for what was gone."""

    def scaled(self, factor: float) -> Elimination:
        """The same with other units of error."""
        return replace(self, error=tuple(error * factor for error in self.error))


def eliminate(readers: Sequence[ReaderState], count: int, most: int, probe: int = 0) -> Elimination:
    """Take up to `most` of `count` channels away, each time the one that costs the least, all readers together.

    The readers' weights when `probe` channels are gone are remembered.
    """
    refitted: tuple[Doubles, ...] = ()
    left = list(range(count))
    order: list[int] = []
    errors: list[float] = []
    total = 0.0
    while left and len(order) < most:
        costs = sum((reader.costs(left) for reader in readers), np.zeros(len(left)))
        place = int(np.argmin(costs))
        channel = left.pop(place)
        total += float(costs[place])
        for reader in readers:
            reader.remove(channel)
        order.append(channel)
        errors.append(total)
        if len(order) == probe:
            refitted = tuple(reader.weights.copy() for reader in readers)
    return Elimination(tuple(order), tuple(errors), probe, refitted)


def by_magnitude(weights: Sequence[tuple[Doubles, Sequence[NDArray[np.int64]]]], count: int, most: int) -> Elimination:
    """The smallest sum of absolute values first: outputs that the makers give little weight (H. Li et al., "Pruning
    Filters for Efficient ConvNets", ICLR 2017). Kept to compare with.

    Args:
        weights: per maker its matrix, and for each channel the columns that make it.
    """
    size = np.zeros(count)
    for matrix, columns in weights:
        size += [float(np.abs(matrix[:, where]).sum()) for where in columns]
    order = np.argsort(size, kind="stable")[:most]
    return Elimination(tuple(int(c) for c in order), tuple(float(part) for part in np.cumsum(size[order])))
