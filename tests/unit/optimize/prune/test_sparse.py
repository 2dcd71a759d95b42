"""Sparse layers: the pattern holds, and the refit is a least-squares fit on what is left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.graph.layer import layers, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.least_squares import NormalEquations
from edgeyard.optimize.prune.sampling import Sampling
from edgeyard.optimize.prune.sparse import Pattern, SparsePlan, make_sparse, masked_fit, sparse_fit
from tests.unit.optimize import net


def problem(seed: int, features: int = 8, outputs: int = 3) -> tuple[NormalEquations, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(200, features)) @ rng.normal(size=(features, features))).astype(np.float32)
    weights = rng.normal(size=(features + 1, outputs))
    normal = NormalEquations(features, outputs)
    normal.add(x, (np.c_[x, np.ones(200)] @ weights).astype(np.float32))
    return normal, weights


def test_a_masked_fit_is_the_least_squares_fit_of_each_output_on_its_own_weights() -> None:
    normal, weights = problem(0)
    support = np.random.default_rng(1).random(weights.shape) < 0.6
    support[-1] = True
    penalty = normal.penalty(1e-4)
    found = masked_fit(normal, np.zeros_like(weights), np.zeros_like(weights), support, penalty)
    left = normal.gram + np.diag(penalty)
    for output in range(weights.shape[1]):
        rows = np.flatnonzero(support[:, output])
        direct = np.linalg.solve(left[np.ix_(rows, rows)], normal.cross[rows, output])
        assert np.allclose(found[rows, output], direct, rtol=1e-3, atol=1e-3)
    assert not found[~support].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.floats(0.05, 0.95), st.sampled_from([(0, 0), (2, 4), (4, 8), (1, 2)]))
def test_refitting_is_never_worse_than_setting_to_zero(seed: int, sparsity: float, run: tuple[int, int]) -> None:
    normal, weights = problem(seed)
    pattern = Pattern(sparsity, *run)
    found = sparse_fit(normal, weights, pattern, 1, 1e-3)
    zeros = found[:-1] == 0
    bare = np.concatenate([np.where(zeros, 0.0, weights[:-1]), weights[-1:]])
    assert normal.error(found) <= normal.error(bare) * (1 + 1e-6) + 1e-6
    assert zeros.mean() >= (0.5 if run[1] else int(24 * sparsity) / 24) - 1e-9


@given(st.integers(1, 13), st.integers(1, 9), st.integers(0, 999))
def test_runs_are_along_channels_and_what_fills_no_run_stays(channels: int, kernel: int, seed: int) -> None:
    scores = np.random.default_rng(seed).random((channels * kernel, 2))
    stays = Pattern(0.5, 2, 4).mask(scores, kernel).reshape(channels, kernel, 2)
    whole = channels // 4 * 4
    assert (stays[:whole].reshape(-1, 4, kernel, 2).sum(axis=1) == 2).all()
    assert stays[whole:].all()


def test_the_lowest_scores_go() -> None:
    scores = np.array([[4.0], [1.0], [3.0], [2.0]])
    assert Pattern(0.5).mask(scores, 1).ravel().tolist() == [True, False, True, False]


@pytest.mark.parametrize("pattern", [Pattern(0.6), Pattern(0.5, 2, 4)])
def test_a_model_made_sparse_stays_near_the_original(pattern: Pattern) -> None:
    model, data = net.residual(inner=16), net.samples(96)
    x = net.batch_of(data)
    misses, zeros = [], []
    for recover in (False, True):
        graph = OnnxGraph(model)
        sampling = Sampling(data, 16, 2000, 0, 1 << 28)
        done, fits = make_sparse(graph, SparsePlan(pattern, recover), sampling, lambda _p, _t: None)
        misses.append(float(((net.run(model, x) - net.run(graph.to_model(), x)) ** 2).mean()))
        zeros.append(sum(each.zeros for each in done))
        assert bool(fits) == recover
    assert misses[1] < 0.5 * misses[0]
    assert zeros[0] == zeros[1]


def test_small_and_depthwise_layers_stay_dense() -> None:
    graph = OnnxGraph(net.separable())
    done, _ = make_sparse(graph, SparsePlan(Pattern(0.5), False, min_weights=100), None, lambda _p, _t: None)
    assert [each.weights for each in done] == [16 * 27, 256, 256]
    assert all(weight_of(graph, layer).all() for layer in layers(graph) if layer.group > 1)
