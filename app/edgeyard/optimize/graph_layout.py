"""Where to draw the nodes of a model's graph: layer by layer from top to bottom, after Sugiyama, Tagawa and Toda,
"Methods for visual understanding of hierarchical system structures", IEEE Trans. SMC 11(2), 1981.

Pure: rows in, positions out, in columns and ranks of size 1; whoever paints scales them. What a runtime fuses into the
operator before it is drawn with it, and when there are too many nodes left, whole chains become one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgeyard.optimize.estimate import FUSED
from edgeyard.optimize.summary import LayerRow

DEFAULT_LIMIT = 400
_SWEEPS = 6
_MAX_BENDS = 40_000
"""Places that long edges pass through; beyond that many they are drawn straight."""


@dataclass(frozen=True, slots=True)
class LayoutNode:
    """One box: the `layers` it stands for (positions in the rows, in order), its title, and its middle."""

    layers: tuple[int, ...]
    title: str
    x: float
    y: float
    multiply_adds: int
    parameters: int


@dataclass(frozen=True, slots=True)
class LayoutEdge:
    """From node to node (positions in `GraphLayout.nodes`), through `points`, its ends included."""

    source: int
    target: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """Boxes and edges within 0…`width` × 0…`height`."""

    nodes: tuple[LayoutNode, ...]
    edges: tuple[LayoutEdge, ...]
    width: float
    height: float


def lay_out(layers: Sequence[LayerRow], limit: int = DEFAULT_LIMIT) -> GraphLayout:
    """Positions for the graph of `layers`; chains are drawn as one box when it takes more than `limit` boxes."""
    groups, edges = _grouped(layers, fuse_all=False)
    if len(groups) > limit:
        groups, edges = _grouped(layers, fuse_all=True)
    ranks = _ranks(len(groups), edges)
    rows, paths = _with_bends(ranks, edges)
    _reduce_crossings(rows, paths)
    columns = _columns(rows, paths)
    # Bends have numbers after those of the boxes.
    heights = {number: float(rank) for rank, row in enumerate(rows) for number in row}
    nodes = tuple(
        LayoutNode(
            tuple(group),
            _title(group, layers),
            columns[number],
            heights[number],
            sum(layers[index].multiply_adds for index in group),
            sum(layers[index].parameters for index in group),
        )
        for number, group in enumerate(groups)
    )
    drawn = tuple(
        LayoutEdge(source, target, tuple((columns[number], heights[number]) for number in path))
        for (source, target), path in paths.items()
    )
    return GraphLayout(nodes, drawn, max(columns.values(), default=0.0), float(max(len(rows) - 1, 0)))


def _grouped(layers: Sequence[LayerRow], *, fuse_all: bool) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """Groups of layers that are drawn as one, and the edges between groups."""
    readers: dict[int, set[int]] = defaultdict(set)
    for index, layer in enumerate(layers):
        for source in layer.sources:
            readers[source].add(index)
    group_of: dict[int, int] = {}
    groups: list[list[int]] = []
    for index, layer in enumerate(layers):
        if layer.constant:
            continue
        # Sources come first in the file; one that does not is of a file that was cut.
        sources = [source for source in layer.sources if source in group_of]
        alone = len(layer.sources) == 1 and len(sources) == 1 and len(readers[sources[0]]) == 1
        if alone and (fuse_all or layer.operator in FUSED):
            group_of[index] = group_of[sources[0]]
            groups[group_of[index]].append(index)
        else:
            group_of[index] = len(groups)
            groups.append([index])
    edges = {
        (group_of[source], group_of[index]): None
        for index, layer in enumerate(layers)
        if index in group_of
        for source in layer.sources
        if source in group_of and group_of[source] != group_of[index]
    }
    return groups, list(edges)


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """How far down each group stands: below all that it reads. Groups are in an order in which sources come first."""
    sources: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        sources[target].append(source)
    ranks = [0] * count
    for number in range(count):
        ranks[number] = max((ranks[source] + 1 for source in sources[number]), default=0)
    return ranks


def _with_bends(
    ranks: Sequence[int], edges: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], dict[tuple[int, int], list[int]]]:
    """The numbers in each rank, with a bend in every rank that a long edge crosses, and each edge's way."""
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for number, rank in enumerate(ranks):
        rows[rank].append(number)
    spans = sum(max(0, ranks[target] - ranks[source] - 1) for source, target in edges)
    following = len(ranks)
    paths = {}
    for source, target in edges:
        path = [source]
        if spans <= _MAX_BENDS:
            for rank in range(ranks[source] + 1, ranks[target]):
                rows[rank].append(following)
                path.append(following)
                following += 1
        paths[source, target] = [*path, target]
    return rows, paths


def _neighbours(paths: dict[tuple[int, int], list[int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for path in paths.values():
        for upper, lower in pairwise(path):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _reduce_crossings(rows: list[list[int]], paths: dict[tuple[int, int], list[int]]) -> None:
    """Order each rank by the mean place of its neighbours, down and up in turn."""
    above, below = _neighbours(paths)
    place = {number: float(index) for row in rows for index, number in enumerate(row)}
    for sweep in range(_SWEEPS):
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            mean = {
                number: sum(place[other] for other in near[number]) / len(near[number])
                if near[number]
                else place[number]
                for number in row
            }
            row.sort(key=lambda number: (mean[number], place[number]))
            for index, number in enumerate(row):
                place[number] = float(index)


def _columns(rows: list[list[int]], paths: dict[tuple[int, int], list[int]]) -> dict[int, float]:
    """Columns: each as near to the mean of its neighbours as its rank's order and a distance of 1 allow."""
    above, below = _neighbours(paths)
    columns = {number: index - (len(row) - 1) / 2 for row in rows for index, number in enumerate(row)}
    for sweep in range(_SWEEPS):
        near = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [
                sum(columns[other] for other in near[number]) / len(near[number]) if near[number] else columns[number]
                for number in row
            ]
            columns.update(zip(row, _apart(wanted), strict=True))
    left = min(columns.values(), default=0.0)
    return {number: round(column - left, 6) for number, column in columns.items()}


def _apart(wanted: Sequence[float]) -> list[float]:
    """The nearest positions (least squares) to `wanted`, in that order and at least 1 apart: pools of those that push
    each other stand around their mean (Ayer et al., "An empirical distribution function for sampling with incomplete
    information", 1955)."""
    pools: list[tuple[float, int]] = []
    for index, value in enumerate(wanted):
        total, count = value - index, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, size = pools.pop()
            total, count = total + before, count + size
        pools.append((total, count))
    shifted = [total / count for total, count in pools for _ in range(count)]
    return [value + index for index, value in enumerate(shifted)]


def _title(group: Sequence[int], layers: Sequence[LayerRow]) -> str:
    names = [layers[index].operator for index in group]
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]} ({len(names)})"
