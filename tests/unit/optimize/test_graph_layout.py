"""Where the boxes of a graph are drawn."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.optimize.graph_layout import GraphLayout, lay_out
from edgeyard.optimize.summary import LayerRow


def layer(operator: str, *sources: int, constant: bool = False) -> LayerRow:
    return LayerRow(operator.lower(), operator, 1, 10, (1,), sources=sources, constant=constant)


def test_a_chain_stands_in_one_column_and_fuses_what_a_runtime_fuses() -> None:
    layout = lay_out([layer("Conv"), layer("BatchNormalization", 0), layer("Relu", 1), layer("Gemm", 2)])
    assert [(node.title, node.x, node.y) for node in layout.nodes] == [
        ("Conv, BatchNormalization, Relu", 0.0, 0.0), ("Gemm", 0.0, 1.0),
    ]  # fmt: skip
    assert layout.nodes[0].layers == (0, 1, 2)
    assert (layout.nodes[0].multiply_adds, layout.nodes[0].parameters) == (30, 3)
    assert [edge.points for edge in layout.edges] == [((0.0, 0.0), (0.0, 1.0))]
    assert (layout.width, layout.height) == (0.0, 1.0)


def test_an_activation_that_two_read_from_is_fused_but_one_after_a_fork_is_not() -> None:
    layout = lay_out([layer("Conv"), layer("Relu", 0), layer("Conv", 1), layer("Sigmoid", 1), layer("Mul", 2, 3)])
    assert [node.title for node in layout.nodes] == ["Conv, Relu", "Conv", "Sigmoid", "Mul"]
    layout = lay_out([layer("Conv"), layer("Relu", 0), layer("Relu", 0), layer("Add", 1, 2)])
    assert len(layout.nodes) == 4


def test_a_skip_connection_goes_beside_what_it_skips() -> None:
    layout = lay_out([layer("Conv"), layer("Conv", 0), layer("Conv", 1), layer("Add", 0, 2)])
    skip = next(edge for edge in layout.edges if (edge.source, edge.target) == (0, 3))
    assert len(skip.points) == 4
    boxes = {(node.x, node.y) for node in layout.nodes}
    assert not boxes & set(skip.points[1:-1])


def test_what_only_computes_weights_is_not_drawn() -> None:
    layout = lay_out([layer("Constant", constant=True), layer("Conv"), layer("Relu", 1)])
    assert [node.layers for node in layout.nodes] == [(1, 2)]
    assert lay_out([]) == GraphLayout((), (), 0.0, 0.0)


def test_too_many_boxes_become_chains() -> None:
    layout = lay_out([layer("Conv", *([index - 1] if index else [])) for index in range(50)], limit=20)
    assert [node.title for node in layout.nodes] == ["Conv … Conv (50)"]
    assert layout.nodes[0].layers == tuple(range(50))


@st.composite
def graphs(draw: st.DrawFn) -> list[LayerRow]:
    rows = []
    for index in range(draw(st.integers(1, 40))):
        sources = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        operator = draw(st.sampled_from(["Conv", "Relu", "Add"]))
        rows.append(layer(operator, *sorted(sources), constant=not sources and draw(st.booleans())))
    return rows


@given(graphs(), st.integers(1, 60))
def test_boxes_do_not_overlap_and_edges_lead_down(rows: list[LayerRow], limit: int) -> None:
    layout = lay_out(rows, limit)
    drawn = [index for node in layout.nodes for index in node.layers]
    assert sorted(drawn) == [index for index, row in enumerate(rows) if not row.constant]
    by_rank: dict[float, list[float]] = {}
    for node in layout.nodes:
        assert 0 <= node.x <= layout.width
        assert 0 <= node.y <= layout.height
        by_rank.setdefault(node.y, []).append(node.x)
    for columns in by_rank.values():
        assert all(right - left >= 1 - 1e-5 for left, right in pairwise(sorted(columns)))
    for edge in layout.edges:
        ends = layout.nodes[edge.source], layout.nodes[edge.target]
        assert [edge.points[0], edge.points[-1]] == [(node.x, node.y) for node in ends]
        assert all(below[1] - above[1] == 1 for above, below in pairwise(edge.points))
    assert layout == lay_out(rows, limit)
