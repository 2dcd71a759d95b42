"""Replays: tensors inside a model, in steps, with what is kept bounded."""

import numpy as np
import pytest
from onnx import helper

from edgeyard.domain.error import UserError
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay, fitting_batch
from tests.unit.optimize import net
from tests.unit.optimize.toy_model import model_of, value


def joined(replay: Replay, name: str, keep: bool = False) -> np.ndarray:
    return np.concatenate([batch[name] for batch in replay.batches([name], [name] if keep else [])])


def test_a_walk_in_steps_sees_what_one_run_sees() -> None:
    graph = OnnxGraph(net.residual())
    data = net.samples(10)
    names = [node.output[0] for node in graph.nodes]
    fresh = Replay(graph, data, 4, 0)
    walk = Replay(graph, data, 4, 1 << 20)
    for name in names:
        assert np.allclose(joined(fresh, name), joined(walk, name, keep=True), atol=1e-5)
    assert fresh.kept_bytes == 0


def test_what_no_later_tensor_needs_is_dropped() -> None:
    graph = OnnxGraph(net.residual(wide=8))
    replay = Replay(graph, net.samples(10), 4, 1 << 20)
    first, second = [node.output[0] for node in graph.nodes if node.op_type == "Add"]
    joined(replay, first, keep=True)
    one = replay.kept_bytes
    assert one == 10 * 8 * 64 * 4
    joined(replay, second, keep=True)
    assert replay.kept_bytes == one


def test_what_does_not_fit_is_computed_again() -> None:
    graph = OnnxGraph(net.residual())
    replay = Replay(graph, net.samples(10), 4, 1000)
    first, second = [node.output[0] for node in graph.nodes if node.op_type == "Add"]
    joined(replay, first, keep=True)
    assert replay.kept_bytes == 0
    assert np.allclose(joined(replay, second), joined(Replay(graph, net.samples(10), 4, 0), second), atol=1e-5)


def test_edits_below_what_is_kept_are_seen() -> None:
    graph = OnnxGraph(net.residual())
    replay = Replay(graph, net.samples(6), 4, 1 << 20)
    first, second = [node.output[0] for node in graph.nodes if node.op_type == "Add"]
    joined(replay, first, keep=True)
    before = joined(replay, second)
    convolution = graph.maker(graph.maker(second).input[0])  # type: ignore[union-attr]
    assert convolution is not None
    graph.store_for(convolution, 1, 0 * np.asarray(graph.constant(convolution.input[1])))
    assert not np.allclose(before, joined(replay, second))


def test_the_input_can_be_asked_for() -> None:
    data = net.samples(5)
    replay = Replay(OnnxGraph(net.residual()), data, 2, 1 << 20)
    assert np.array_equal(joined(replay, "image", keep=True), data.x)
    assert np.array_equal(joined(replay, "image"), data.x)


def test_a_tensor_without_a_batch_axis_is_refused() -> None:
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), helper.make_node("Add", ["x", "m"], ["y"])]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], opset=17))
    with pytest.raises(UserError, match="no batch axis"):
        list(Replay(graph, net.samples(6, (4,)), 4, 0).batches(["m"]))


def test_values_that_are_no_numbers_are_refused() -> None:
    nodes = [helper.make_node("Log", ["x"], ["y"])]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])]))
    with pytest.raises(UserError, match="no numbers"):
        list(Replay(graph, net.samples(6, (4,)), 4, 0).batches(["y"]))


def test_batches_fit_the_largest_tensor() -> None:
    assert fitting_batch(1 << 20, None) == 64
    assert fitting_batch(1 << 30, None) == 1
    assert fitting_batch(16 << 20, None) == 4
    assert fitting_batch(1, 1) == 1
