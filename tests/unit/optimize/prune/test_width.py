"""Widths: rounded to what kernels like, never to nothing, and cut where it is cheap."""

from hypothesis import example, given
from hypothesis import strategies as st

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.eliminate import Elimination
from edgeyard.optimize.prune.group import ChannelGroup, channel_groups
from edgeyard.optimize.prune.width import MIN_KEPT, balanced, layer_costs, total_cost, uniform
from tests.unit.optimize import net


def group(width: int, fixed: int = 0) -> ChannelGroup:
    return ChannelGroup("g", tuple(range(width - fixed)), (), (), width)


@example(4, 2, 0.5, 2)
@given(st.integers(2, 300), st.integers(0, 3), st.floats(0.01, 0.9), st.integers(1, 64))
def test_widths_are_multiples_or_stay(width: int, fixed: int, fraction: float, multiple_of: int) -> None:
    fixed = min(fixed, width - 2)
    kept = uniform([group(width, fixed)], fraction, multiple_of)["g"]
    now = fixed + kept
    assert 1 <= kept <= width - fixed
    assert now == width or now % multiple_of == 0
    assert now >= width * MIN_KEPT


def test_a_quarter_of_sixteen_is_four() -> None:
    assert uniform([group(16)], 0.25, 1) == {"g": 12}
    assert uniform([group(16)], 0.25, 8) == {"g": 16}
    assert uniform([group(64)], 0.5, 16) == {"g": 32}


def test_costs_are_those_of_the_layers_and_shrink_with_both_sides() -> None:
    graph = OnnxGraph(net.residual(wide=8, inner=12))
    groups, book = channel_groups(graph)
    costs = layer_costs(graph, book)
    whole = total_cost(costs, book, set())
    assert whole == 64 * (8 * 27 + 4 * 12 * 8 * 9) + 32
    inner = next(each for each in groups if len(each) == 12)
    assert whole - total_cost(costs, book, set(inner.channels[:6])) == 64 * 2 * 6 * 8 * 9


def test_balanced_cuts_where_a_multiply_add_costs_least_and_stops_at_the_aim() -> None:
    graph = OnnxGraph(net.residual(wide=8, inner=12))
    groups, book = channel_groups(graph)
    costs = layer_costs(graph, book)
    inner = [each for each in groups if len(each) == 12]
    order = tuple(range(11))
    cheap = Elimination(order, tuple(0.001 * k for k in range(1, 12)))
    dear = Elimination(order, tuple(1.0 * k for k in range(1, 12)))
    kept = balanced(inner, {inner[0].name: dear, inner[1].name: cheap}, costs, book, 0.2, 2)
    assert kept[inner[0].name] == 12
    assert kept[inner[1].name] == 6
    gone = set(inner[1].channels[:6])
    assert total_cost(costs, book, gone) <= 0.8 * total_cost(costs, book, set())


def test_an_aim_that_cannot_be_met_ends_at_the_narrowest_widths() -> None:
    graph = OnnxGraph(net.residual(wide=8, inner=12))
    groups, book = channel_groups(graph)
    flat = {each.name: Elimination(tuple(range(len(each) - 1)), (0.1,) * (len(each) - 1)) for each in groups}
    kept = balanced(groups, flat, layer_costs(graph, book), book, 0.9, 8)
    assert set(kept.values()) == {8}
