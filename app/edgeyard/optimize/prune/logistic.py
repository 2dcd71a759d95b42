"""Multinomial logistic regression without a learning rate: every step is one solve with a matrix that never changes.

D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44, 1992:
the Hessian is never larger than ½(I − 11ᵀ/K) ⊗ XᵀX, so Newton steps with that bound go down always. The ridge penalty
adds its own to both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
STEPS = 150


def softmax(scores: NDArray[np.floating]) -> Doubles:
    """Along the last axis."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True), dtype=np.float64)
    result: Doubles = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def fit_logistic(x: NDArray[np.floating], targets: Doubles, ridge: float, steps: int = STEPS) -> Doubles:
    """Weights (D + 1) × K, the bias last and free, that maximize Σ t·log softmax(x·W + b) − ½·`ridge`·N·‖W‖².

    Args:
        x: N×D, of about unit variance.
        targets: N×K, rows that sum to 1: one-hot labels, or what a teacher said.
    """
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1).astype(np.float32)
    penalty = np.full(rows.shape[1], ridge * len(x))
    penalty[-1] = 1e-9 * len(x)
    bound = np.linalg.inv(0.5 * (rows.T @ rows).astype(np.float64) + np.diag(penalty))
    weights: Doubles = np.zeros((rows.shape[1], targets.shape[1]))
    for _ in range(steps):
        missed = (targets - softmax(rows @ weights.astype(np.float32))).astype(np.float32)
        step = bound @ (rows.T @ missed - penalty[:, None] * weights)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-4:
            break
    return weights


def log_loss(scores: NDArray[np.floating], targets: Doubles) -> float:
    """Mean −Σ t·log p."""
    return float(-(targets * np.log(np.maximum(softmax(scores), 1e-12))).sum(axis=1).mean())
