"""Normal equations: they fit what can be fitted, and never worse than what was there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.prune.least_squares import NormalEquations, stacked


def rows(rng: np.random.Generator, count: int, features: int) -> np.ndarray:
    return rng.normal(size=(count, features)).astype(np.float32)


def test_an_exact_answer_is_found_from_batches() -> None:
    rng = np.random.default_rng(0)
    truth, bias = rng.normal(size=(5, 3)), rng.normal(size=3)
    normal = NormalEquations(5, 3)
    for _ in range(4):
        x = rows(rng, 50, 5)
        normal.add(x, (x @ truth + bias).astype(np.float32))
    solved = normal.solve(np.zeros((6, 3)), 0.0)
    assert np.allclose(solved[:-1], truth, atol=1e-4)
    assert np.allclose(solved[-1], bias, atol=1e-4)
    assert normal.error(solved) < 1e-6 * normal.spread()


def test_the_error_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    x, y, weights = rows(rng, 80, 4), rows(rng, 80, 2), rng.normal(size=(5, 2))
    normal = NormalEquations(4, 2)
    normal.add(x, y)
    direct = ((np.c_[x, np.ones(80)] @ weights - y) ** 2).sum()
    assert normal.error(weights) == pytest.approx(direct, rel=1e-5)
    assert normal.spread() == pytest.approx(((y - y.mean(axis=0)) ** 2).sum(), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12), st.booleans(), st.sampled_from([0, 1e-3, 1]))
def test_a_fit_is_never_worse_than_the_reference(
    seed: int, count: int, features: int, with_bias: bool, ridge: float
) -> None:
    rng = np.random.default_rng(seed)
    x = rows(rng, count, features)
    x[:, rng.random(features) < 0.3] = 0  # features that say nothing
    normal = NormalEquations(features, 3, with_bias)
    normal.add(x, rows(rng, count, 3))
    reference = rng.normal(size=(features + with_bias, 3))
    assert normal.error(normal.solve(reference, ridge)) <= normal.error(reference) * (1 + 1e-9) + 1e-9


def test_features_that_say_nothing_keep_their_weights() -> None:
    rng = np.random.default_rng(2)
    x = rows(rng, 60, 3)
    x[:, 1] = 0
    normal = NormalEquations(3, 1)
    normal.add(x, rows(rng, 60, 1))
    reference = np.full((4, 1), 7.0)
    assert normal.solve(reference, 1e-3)[1] == pytest.approx(7.0)


def test_a_layer_without_a_bias_has_none_in_the_fit() -> None:
    matrix = np.ones((3, 2), np.float32)
    assert stacked(matrix, None, with_bias=False).shape == (3, 2)
    assert stacked(matrix, None, with_bias=True)[-1].tolist() == [0.0, 0.0]
