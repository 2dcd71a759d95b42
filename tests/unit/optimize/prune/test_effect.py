"""What a group does to the answer: measured by cutting it alone, and put back as it was."""

import numpy as np
import pytest

from edgeyard.optimize.graph.layer import layers, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.effect import weigh_by_effect
from edgeyard.optimize.prune.group import channel_groups
from edgeyard.optimize.prune.order_channels import order_by_reconstruction
from edgeyard.optimize.prune.sampling import Sampling
from tests.unit.optimize import net


def quiet(_part: float, _text: str) -> None:
    pass


def test_a_branch_that_hardly_counts_is_cheap_to_cut() -> None:
    graph = OnnxGraph(net.residual(inner=12))
    second = layers(graph)[4]
    graph.store(second.node.input[1], weight_of(graph, second) * 0.01)
    graph.store(second.node.input[2], np.zeros(8, np.float32))
    groups = [group for group in channel_groups(graph)[0] if len(group) == 12]
    sampling = Sampling(net.samples(64), 16, 1000, 0, 1 << 28)
    plain = order_by_reconstruction(graph, groups, sampling, 1e-3, 0.5, quiet)
    weighed = weigh_by_effect(graph, groups, plain, sampling, quiet)
    names = [group.name for group in groups]
    # Relative to its own outputs each branch loses about the same; the second adds next to nothing to the sum.
    assert plain[names[1]].error[5] > 0.2 * plain[names[0]].error[5]
    assert weighed[names[1]].error[5] < 0.01 * weighed[names[0]].error[5]
    assert weighed[names[0]].order == plain[names[0]].order


@pytest.mark.parametrize("memory_bytes", [1 << 28, 1 << 20])
def test_the_effect_is_that_of_the_cut_readers_and_nothing_stays_changed(memory_bytes: int) -> None:
    model = net.residual(inner=12)
    graph = OnnxGraph(model)
    groups, _ = channel_groups(graph)
    data = net.samples(64)
    sampling = Sampling(data, 16, 1000, 0, memory_bytes)
    plain = order_by_reconstruction(graph, groups, sampling, 1e-3, 0.5, quiet)
    weighed = weigh_by_effect(graph, groups, plain, sampling, quiet)
    assert np.array_equal(net.run(model, data.x), net.run(graph.to_model(), data.x))
    for group in groups:
        alone = weigh_by_effect(graph, [group], plain, sampling, quiet)[group.name]
        assert alone.error == pytest.approx(weighed[group.name].error, rel=1e-3)
