"""Logistic regression in fixed steps: it goes down always, and finds what a general optimizer finds."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.prune.logistic import fit_logistic, log_loss, softmax


def objective(x: np.ndarray, targets: np.ndarray, weights: np.ndarray, ridge: float) -> float:
    return log_loss(x @ weights[:-1] + weights[-1], targets) + 0.5 * ridge * float((weights[:-1] ** 2).sum())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.sampled_from([1e-3, 1e-1, 1.0]))
def test_every_step_goes_down(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    x, targets = rng.normal(size=(60, 5)), np.eye(4)[rng.integers(0, 4, 60)]
    losses = [objective(x, targets, fit_logistic(x, targets, ridge, steps), ridge) for steps in (0, 1, 2, 5, 20, 80)]
    assert all(after <= before + 1e-5 for before, after in pairwise(losses))


def test_at_the_end_the_slope_is_zero() -> None:
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(200, 6)), softmax(rng.normal(size=(200, 3)))
    weights = fit_logistic(x, targets, 0.05, steps=2000)
    missed = softmax(x @ weights[:-1] + weights[-1]) - targets
    assert np.abs(x.T @ missed / 200 + 0.05 * weights[:-1]).max() < 1e-4
    assert np.abs(missed.mean(axis=0)).max() < 1e-4


def test_classes_that_lie_apart_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 2)) * 0.3 + np.array([[0, 3], [3, 0], [-3, -3]])[labels]
    weights = fit_logistic(x, np.eye(3)[labels], 1e-3)
    assert ((x @ weights[:-1] + weights[-1]).argmax(axis=1) == labels).mean() > 0.99
