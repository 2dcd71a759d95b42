"""Early exits: where, how sure, and that a model with one gives every sample the answer it would have alone."""

import numpy as np
import onnx
import pytest

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.exit_graph import skipping, with_outputs
from edgeyard.optimize.prune.exit_head import ExitHead, choose_threshold, fit_head, pool_of, pooled
from edgeyard.optimize.prune.exit_point import ExitPoint, exit_points
from edgeyard.optimize.prune.fit_exits import fit_exits, spread_points
from edgeyard.optimize.prune.logistic import softmax
from edgeyard.optimize.prune.sampling import Sampling
from tests.unit.optimize import net

POINT = ExitPoint("t", "t", 1, 0.5, (2, 4, 4))


def two_kinds(count: int = 200, seed: int = 0) -> Dataset:
    """Half of the images are far from the others: easy."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3, 8, 8)).astype(np.float32)
    y = rng.integers(0, 4, count)
    x[::2] += np.eye(4, dtype=np.float32)[y[::2]].repeat(48, axis=1).reshape(-1, 3, 8, 8) * 3
    return Dataset(x, y, net.samples(1).preprocessing, "")


def test_exits_are_where_everything_goes_through_one_tensor() -> None:
    model = net.residual()
    points = exit_points(OnnxGraph(model))
    operators = {node.output[0]: node.op_type for node in model.graph.node}
    names = [operators[point.tensor] for point in points]
    # Inside a residual block the shortcut is alive too; its sum and what follows are alone.
    assert names == ["Conv", "Relu", "Add", "Relu", "Add", "Relu", "GlobalAveragePool", "Flatten"]
    assert [point.cost_share for point in points] == sorted(point.cost_share for point in points)
    assert 0.0 < points[0].cost_share < 0.1
    assert points[-1].cost_share > 0.99


def test_places_are_spread_over_the_cost() -> None:
    graph = OnnxGraph(net.residual())
    points = spread_points(graph, 0.0, 0.9, 6)
    assert [round(point.cost_share, 2) for point in points] == [0.06, 0.53]
    assert {graph.maker(point.tensor).op_type for point in points} == {"Relu"}  # type: ignore[union-attr]
    assert len(spread_points(graph, 0.0, 1.0, 2)) == 2
    assert spread_points(graph, 0.6, 0.7, 3) == []


def test_features_are_pooled_on_a_grid_that_fits_and_is_not_too_fine() -> None:
    assert pool_of((16, 32, 32), 4) == (8, 8)
    assert pool_of((128, 8, 8), 4) == (4, 4)
    assert pool_of((1000, 8, 8), 4) == (8, 8)
    assert pool_of((8, 25, 5), 4) == (25, 5)
    assert pool_of((64,), 4) is None
    values = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)
    assert np.allclose(pooled(values, (2, 2))[0, :4], [2.5, 4.5, 10.5, 12.5])


def head_for(graph: OnnxGraph, data: Dataset) -> tuple[ExitHead, float]:
    points = spread_points(graph, 0.0, 0.9, 1)
    (choice,) = fit_exits(graph, points, Sampling(data, 16, 1, 0, 1 << 28), 2, 0.2, lambda _p, _t: None)
    assert choice.exit_rate > 0.0
    return choice.head, choice.threshold


@pytest.mark.parametrize("softmax_at_the_end", [False, True])
@pytest.mark.parametrize("opset", [13, 18])
def test_each_sample_has_the_answer_it_would_have_alone(softmax_at_the_end: bool, opset: int) -> None:
    build = net.Net(3)
    x = build.conv_relu(build.conv_relu("image", 3, 8), 8, 16)
    output = build.head(x, 16)
    model = build.model(build.op("Softmax", output, axis=1) if softmax_at_the_end else output, opset=opset)
    data = two_kinds()
    head, _ = head_for(OnnxGraph(model), data)
    more = with_outputs(OnnxGraph(model), head)
    onnx.checker.check_model(more, full_check=True)
    confidence = run_all(more, data.x)[2].ravel()
    threshold = float(np.median(confidence))
    result = skipping(OnnxGraph(model), head, threshold)
    onnx.checker.check_model(result, full_check=True)
    assert [node.op_type for node in result.graph.node].count("Conv") == 1
    assert [value.name for value in result.graph.output] == [value.name for value in model.graph.output]
    full, early = run_all(more, data.x)[:2]
    expected = np.where(confidence[:, None] >= threshold, early, full)
    together = net.run(result, data.x)
    alone = np.concatenate([net.run(result, data.x[i : i + 1]) for i in range(40)])
    assert np.allclose(together, expected, atol=1e-4)
    assert np.allclose(alone, together[:40], atol=1e-4)
    assert np.allclose(full, net.run(model, data.x), atol=1e-5)
    if softmax_at_the_end:
        assert np.allclose(together.sum(axis=1), 1.0, atol=1e-4)


def run_all(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    from edgeyard.optimize.graph.replay import open_session

    session = open_session(model.SerializeToString(), 1)
    return [np.asarray(each) for each in session.run(None, {session.get_inputs()[0].name: x})]


def test_the_rest_does_not_run_for_samples_that_leave() -> None:
    """A division by zero stands behind the exit: whoever leaves never sees it."""
    build = net.Net(4)
    x = build.conv_relu("image", 3, 8)
    y = build.conv_relu(x, 8, 16)
    y = build.op("Div", y, build.stored(np.zeros(1, np.float32)))
    model = build.model(build.head(y, 16))
    graph = OnnxGraph(model)
    point = next(point for point in exit_points(graph) if point.tensor == x)
    head = ExitHead(point, pool_of(point.shape, 1), np.ones((8, 4), np.float32), np.zeros(4, np.float32))
    sample = net.samples(1).x
    assert np.isfinite(net.run(skipping(OnnxGraph(model), head, 0.0), sample)).all()
    assert not np.isfinite(net.run(skipping(OnnxGraph(model), head, 2.0), sample)).all()


def test_a_quantized_tensor_is_dequantized_for_the_exit_alone() -> None:
    build = net.Net(5)
    x = build.conv_relu("image", 3, 8)
    scale, zero = build.stored(np.array(0.05, np.float32)), build.stored(np.array(0, np.uint8))
    y = build.op("DequantizeLinear", build.op("QuantizeLinear", x, scale, zero), scale, zero)
    model = build.model(build.head(build.conv_relu(y, 8, 16), 16))
    graph = OnnxGraph(model)
    (point,) = spread_points(graph, 0.0, 0.9, 3)
    assert (point.tensor, point.feature) == (next(n.output[0] for n in graph.nodes if n.op_type == "QuantizeLinear"), y)
    data = two_kinds()
    head, threshold = head_for(graph, data)
    result = skipping(OnnxGraph(model), head, threshold)
    onnx.checker.check_model(result, full_check=True)
    branch = next(a.g for n in result.graph.node if n.op_type == "If" for a in n.attribute if a.name == "else_branch")
    assert "DequantizeLinear" in {node.op_type for node in branch.node}
    assert len(net.run(result, data.x[:3])) == 3


def test_the_threshold_rises_until_few_enough_are_lost() -> None:
    rng = np.random.default_rng(0)
    count = 2000
    truth = rng.integers(0, 3, count)
    sure = rng.random(count)
    early = np.where(rng.random(count) < 0.5 + 0.5 * sure, truth, (truth + 1) % 3)
    scores = np.eye(3)[early] * (4 * sure[:, None])
    head = ExitHead(POINT, None, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    choices = [choose_threshold(head, scores.astype(np.float32), truth, truth, drop) for drop in (0.001, 0.02, 0.1)]
    assert [choice.exit_rate for choice in choices] == sorted(choice.exit_rate for choice in choices)
    for choice, drop in zip(choices, (0.001, 0.02, 0.1), strict=True):
        assert choice.right >= choice.right_before - drop
        confidence = softmax(scores).max(axis=1)
        assert choice.exit_rate == pytest.approx(float((confidence >= choice.threshold).mean()), abs=1e-3)
    assert choices[0].exit_rate == 0.0 or choices[0].threshold > choices[2].threshold


def test_few_samples_give_no_exit_when_nothing_may_be_lost() -> None:
    head = ExitHead(POINT, None, np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    scores = (np.eye(3)[[0, 1, 2] * 10] * 9).astype(np.float32)
    truth = np.array([0, 1, 2] * 10)
    choice = choose_threshold(head, scores, truth, truth, 0.0)
    assert (choice.exit_rate, choice.saving) == (0.0, 0.0)


def test_a_head_learns_what_its_features_say() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 200)
    features = (np.eye(3)[labels] * 2 + rng.normal(size=(200, 3))).astype(np.float32) * 100 + 7
    head = fit_head(POINT, None, features, np.eye(3)[labels])
    assert ((features @ head.weights + head.bias).argmax(axis=1) == labels).mean() > 0.8
