"""Groups of channels that a model can do without, and cutting some of them out of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, layer_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, set_attribute
from edgeyard.optimize.prune.label import LabelBook
from edgeyard.optimize.prune.spread import Spread


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """A layer that reads the channels of a group: for each channel, its positions on the layer's input axis."""

    layer: Layer
    positions: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that all the same layers make and read; each can be cut alone, everywhere at once."""

    name: str
    """The first layer that makes them."""
    channels: tuple[int, ...]
    """Labels, in the order of that layer's outputs."""
    makers: tuple[Layer, ...]
    uses: tuple[ChannelUse, ...]
    width: int
    """How many outputs the first layer has: `len(channels)` unless some of them must stay."""

    def __len__(self) -> int:
        return len(self.channels)


def channel_groups(graph: OnnxGraph) -> tuple[list[ChannelGroup], LabelBook]:
    """The groups of `graph` in the order of its layers, and the book by which they are cut.

    A channel counts when a layer makes it, at least one layer reads it, and nothing else depends on its place.
    """
    book = Spread(graph).book
    frozen = book.frozen_roots()
    places: dict[int, dict[int, list[int]]] = {}
    for number, slot in enumerate(book.slots):
        if slot.role in {"output", "input"}:
            for position, root in enumerate(book.roots(slot.labels)):
                places.setdefault(int(root), {}).setdefault(number, []).append(position)
    alike: dict[tuple[int, ...], list[int]] = {}
    for root, where in places.items():
        roles = {book.slots[number].role for number in where}
        if root not in frozen and roles == {"output", "input"}:
            alike.setdefault(tuple(sorted(where)), []).append(root)
    groups = []
    for numbers, roots in alike.items():
        makers = [number for number in numbers if book.slots[number].role == "output"]
        roots.sort(key=lambda root, first=makers[0]: places[root][first])  # type: ignore[misc]
        uses = tuple(
            ChannelUse(_layer(graph, book, number), tuple(np.array(places[root][number]) for root in roots))
            for number in numbers
            if book.slots[number].role == "input"
        )
        made_by = tuple(_layer(graph, book, number) for number in makers)
        width = len(book.slots[makers[0]].labels)
        groups.append(ChannelGroup(made_by[0].name, tuple(roots), made_by, uses, width))
    return groups, book


def cut(graph: OnnxGraph, book: LabelBook, gone: Collection[int]) -> None:
    """Remove the channels with these labels from every place in the graph. Cut once per book: places are numbered."""
    removed = np.array(sorted(gone), np.int64)
    for slot in book.slots:
        keep = ~np.isin(book.roots(slot.labels), removed)
        if keep.all():
            continue
        if slot.role == "group":
            set_attribute(slot.node, "group", int(keep.sum()))
            continue
        values = graph.constant(slot.node.input[slot.slot])
        assert values is not None, "slots are constants"
        if slot.role == "count":
            values[slot.axis] = int(keep.sum())
        else:
            values = np.compress(keep, values, axis=slot.axis)
        graph.store_for(slot.node, slot.slot, values)


def _layer(graph: OnnxGraph, book: LabelBook, number: int) -> Layer:
    layer = layer_of(graph, book.slots[number].node)
    assert layer is not None, "only layers have outputs and inputs"
    return layer
