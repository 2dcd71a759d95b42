"""The order in which channels go: exact costs, all readers together."""

import numpy as np
import pytest

from edgeyard.optimize.prune.eliminate import ReaderState, by_magnitude, eliminate
from edgeyard.optimize.prune.least_squares import NormalEquations


def problem(seed: int = 0, channels: int = 5, each: int = 2) -> tuple[NormalEquations, np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, channels * each)) @ rng.normal(size=(channels * each,) * 2)
    normal = NormalEquations(channels * each, 3)
    weights = rng.normal(size=(channels * each + 1, 3))
    normal.add(x.astype(np.float32), (np.c_[x, np.ones(300)] @ weights).astype(np.float32))
    return normal, weights, [np.arange(c * each, (c + 1) * each) for c in range(channels)]


def refitted_error(normal: NormalEquations, keep: np.ndarray) -> float:
    """Least squares with the features in `keep` and the bias only, solved directly."""
    rows = np.append(keep, len(normal.gram) - 1)
    solved = np.linalg.solve(normal.gram[np.ix_(rows, rows)], normal.cross[rows])
    whole = np.zeros_like(normal.cross)
    whole[rows] = solved
    return normal.error(whole)


def test_costs_are_those_of_the_exact_refit() -> None:
    normal, weights, features = problem()
    state = ReaderState(normal, weights, features, 0.0)
    costs = state.costs(range(5))
    for channel in range(5):
        keep = np.concatenate([features[c] for c in range(5) if c != channel])
        assert costs[channel] == pytest.approx(refitted_error(normal, keep) / state.scale, rel=1e-2)


def test_errors_add_up_to_that_of_the_final_refit() -> None:
    normal, weights, features = problem(3)
    state = ReaderState(normal, weights, features, 0.0)
    found = eliminate([state], 5, 3)
    keep = np.concatenate([features[c] for c in range(5) if c not in found.order])
    assert found.error[-1] == pytest.approx(refitted_error(normal, keep) / state.scale, rel=1e-2)
    assert list(found.error) == sorted(found.error)


def test_channels_that_nobody_reads_go_first() -> None:
    normal, weights, features = problem(4)
    weights[features[3]] = 0.0
    found = eliminate([ReaderState(normal, weights, features, 1e-6)], 5, 4)
    assert found.order[0] == 3
    assert found.error[0] == pytest.approx(0.0, abs=1e-9)


def test_a_copy_of_another_channel_goes_before_one_that_is_needed() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 3)).astype(np.float32)
    x[:, 2] = x[:, 0]
    normal = NormalEquations(3, 2)
    normal.add(x)
    found = eliminate([ReaderState(normal, np.ones((4, 2)), [np.array([c]) for c in range(3)], 1e-4)], 3, 1)
    assert found.order[0] in {0, 2}
    assert found.error[0] < 1e-2


def test_a_channel_that_one_reader_needs_stays_for_all() -> None:
    normal, weights, features = problem(6)
    first, second = weights.copy(), weights.copy()
    first[features[1]] = 0.0
    second[features[1]] *= 50.0
    alone = eliminate([ReaderState(normal, first, features, 1e-6)], 5, 1)
    both = eliminate([ReaderState(normal, w, features, 1e-6) for w in (first, second)], 5, 4)
    assert alone.order == (1,)
    assert 1 not in both.order


def test_by_magnitude_the_smallest_outputs_go() -> None:
    matrix = np.array([[3.0, -1.0, 2.0], [3.0, 1.0, -2.0]])
    found = by_magnitude([(matrix, [np.array([c]) for c in range(3)])], 3, 2)
    assert found.order == (1, 2)
    assert found.error == (2.0, 6.0)
