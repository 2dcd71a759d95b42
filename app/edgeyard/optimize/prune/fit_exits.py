"""Fit an exit at each of several places in a model, from one run over the samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.exit_graph import ends_in_softmax
from edgeyard.optimize.prune.exit_head import HOLD_OUT, ExitChoice, choose_threshold, fit_head, pool_of, pooled
from edgeyard.optimize.prune.exit_point import ExitPoint, exit_points
from edgeyard.optimize.prune.logistic import softmax
from edgeyard.optimize.prune.sampling import Sampling


def spread_points(graph: OnnxGraph, earliest: float, latest: float, count: int) -> list[ExitPoint]:
    """Up to `count` places whose cost lies between the two parts, as evenly as there are any.

    Of places with the same cost the last counts, behind the activation; but a quantized tensor goes before what
    it becomes, since integer kernels want to read it themselves.
    """
    by_cost: dict[float, ExitPoint] = {}
    for point in exit_points(graph):
        known = by_cost.get(point.cost_share)
        if earliest <= point.cost_share <= latest and (known is None or known.feature == known.tensor):
            by_cost[point.cost_share] = point
    points = list(by_cost.values())
    if len(points) <= count:
        return points
    wanted = np.linspace(points[0].cost_share, points[-1].cost_share, count)
    nearest = {int(np.argmin([abs(point.cost_share - share) for point in points])) for share in wanted}
    return [points[number] for number in sorted(nearest)]


def fit_exits(
    graph: OnnxGraph,
    points: Sequence[ExitPoint],
    sampling: Sampling,
    grid: int,
    max_drop: float,
    tell: Callable[[float, str], None],
) -> list[ExitChoice]:
    """A head and its threshold for each place. Labels are used where there are any, else what the model itself says."""
    pools = [pool_of(point.shape, grid) for point in points]
    features, full = _run(graph, points, pools, sampling, tell)
    labels = sampling.dataset.y
    truth = full.argmax(axis=1).astype(np.int64) if labels is None else labels
    classes = full.shape[1]
    targets = np.eye(classes)[truth] if labels is not None else full
    order = np.random.default_rng(sampling.seed).permutation(len(truth))
    held = int(len(order) * HOLD_OUT)
    judge, fit = np.sort(order[:held]), np.sort(order[held:])
    choices = []
    for number, (point, pool, values) in enumerate(zip(points, pools, features, strict=True)):
        tell(0.5 + 0.5 * number / len(points), f"Fitting an exit after {point.cost_share:.0%} of the work")
        head = fit_head(point, pool, values[fit], targets[fit])
        choices.append(
            choose_threshold(head, values[judge], full[judge].argmax(axis=1).astype(np.int64), truth[judge], max_drop)
        )
    return choices


def _run(
    graph: OnnxGraph,
    points: Sequence[ExitPoint],
    pools: Sequence[tuple[int, int] | None],
    sampling: Sampling,
    tell: Callable[[float, str], None],
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Pooled features of each place, and the model's own probabilities."""
    output = graph.outputs[0]
    names = list(dict.fromkeys([*(point.feature for point in points), output]))
    batches = -(-len(sampling.dataset) // sampling.batch)
    features: list[list[NDArray[np.float32]]] = [[] for _ in points]
    answers = []
    for number, batch in enumerate(sampling.replay(graph).batches(names)):
        tell(0.5 * number / batches, "Looking at features")
        for kept, point, pool in zip(features, points, pools, strict=True):
            kept.append(pooled(batch[point.feature], pool))
        answers.append(batch[output].astype(np.float64))
    scores = np.concatenate(answers)
    return [np.concatenate(kept) for kept in features], scores if ends_in_softmax(graph) else softmax(scores)
