"""How wide each group of channels becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeyard.optimize.cost import multiply_adds
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute
from edgeyard.optimize.prune.eliminate import Elimination
from edgeyard.optimize.prune.group import ChannelGroup
from edgeyard.optimize.prune.label import LabelBook

MIN_KEPT = 0.125
"""No group becomes narrower than this part of what it was: a layer that says nothing cannot be refitted."""


def uniform(groups: Sequence[ChannelGroup], fraction: float, multiple_of: int) -> dict[str, int]:
    """The same fraction of each group goes, its width rounded to the nearest multiple, up when in the middle."""
    kept = {}
    for group in groups:
        stay = group.width - len(group)
        wanted = int(np.floor(group.width * (1 - fraction) / multiple_of + 0.5)) * multiple_of
        kept[group.name] = min(len(group), max(wanted, _narrowest(group, multiple_of)) - stay)
    return kept


def _narrowest(group: ChannelGroup, multiple_of: int) -> int:
    """The least multiple that leaves one of the channels that may go, and `MIN_KEPT` of all."""
    least = max(group.width - len(group) + 1, int(np.ceil(group.width * MIN_KEPT)))
    return -(-least // multiple_of) * multiple_of


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Multiply-adds of a layer and the slots that scale them: its outputs, and its inputs unless it is depthwise."""

    multiply_adds: int
    slots: tuple[int, ...]


def layer_costs(graph: OnnxGraph, book: LabelBook) -> list[LayerCost]:
    """The cost of each layer that has slots in `book`, at batch 1."""
    shapes = graph.shapes()
    found: dict[str, list[int]] = {}
    for number, slot in enumerate(book.slots):
        if slot.role in {"output", "input", "group"}:
            found.setdefault(slot.node.output[0], []).append(number)
    costs = []
    for name, numbers in found.items():
        node = graph.maker(name)
        assert node is not None, "slots are on nodes of this graph"
        known = [[shapes.get(each) for each in names] for names in (node.input, node.output)]
        sizes = [[s if s is None or None not in s else None for s in side] for side in known]
        gemm = {"transA": int(attribute(node, "transA", 0))}
        cost = multiply_adds(node.op_type, sizes[0], sizes[1], gemm)  # type: ignore[arg-type]
        costs.append(LayerCost(cost or 0, tuple(numbers)))
    return costs


def total_cost(costs: Sequence[LayerCost], book: LabelBook, gone: set[int]) -> float:
    """Multiply-adds of those layers when the labels in `gone` are cut."""
    removed = np.array(sorted(gone), np.int64)
    left = {
        number: float(1 - np.isin(book.roots(book.slots[number].labels), removed).mean())
        for cost in costs
        for number in cost.slots
    }
    return sum(cost.multiply_adds * float(np.prod([left[number] for number in cost.slots])) for cost in costs)


def balanced(
    groups: Sequence[ChannelGroup],
    eliminations: Mapping[str, Elimination],
    costs: Sequence[LayerCost],
    book: LabelBook,
    fraction: float,
    multiple_of: int,
) -> dict[str, int]:
    """Cut, step by step, where a saved multiply-add costs the least error, until `fraction` of them is saved.

    A step takes a group to its next lower multiple, so that only widths that the hardware likes are compared.
    """
    kept = {group.name: len(group) for group in groups}
    gone: set[int] = set()
    now = total_cost(costs, book, gone)
    aim = now * (1 - fraction)
    while now > aim:
        best: tuple[float, ChannelGroup, int, set[int], float] | None = None
        for group in groups:
            lower = _next_width(group, kept[group.name], multiple_of)
            if lower is None:
                continue
            elimination = eliminations[group.name]
            before, after = len(group) - kept[group.name], len(group) - lower
            rise = elimination.error[after - 1] - (elimination.error[before - 1] if before else 0.0)
            cut = {group.channels[number] for number in elimination.order[:after]}
            then = total_cost(costs, book, gone | cut)
            # What is saved beyond the aim counts for nothing, so that the last step does not overshoot.
            price = rise / max(now - max(then, aim), 1e-9)
            if then < now and (best is None or price < best[0]):
                best = price, group, lower, cut, then
        if best is None:
            break
        _, group, lower, cut, now = best
        kept[group.name] = lower
        gone |= cut
    return kept


def _next_width(group: ChannelGroup, kept: int, multiple_of: int) -> int | None:
    stay = group.width - len(group)
    lower = (stay + kept - 1) // multiple_of * multiple_of
    return lower - stay if lower >= _narrowest(group, multiple_of) else None
