"""Which channels live and die together, told by labels that are handed from tensor to tensor.

Every output channel of a layer gets a label. Operators that keep channels apart hand labels on, an Add or Mul of two
tensors makes the labels of both sides one (union-find; R. Tarjan, 1975), a Concat puts them in a row, a Flatten repeats
them. What is left are sets of places in the graph that can only be cut together. The dependency graph of Fang et al.,
"DepGraph: Towards Any Structural Pruning", CVPR 2023, does the same per tensor axis instead of per channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Channels:
    """The axis of a tensor that is followed, and the label of each position on it."""

    axis: int
    labels: Labels


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that loses positions when labels go.

    `role` is `output` or `input` (of a layer's weight), `parameter` (a constant with a value per channel), `count` (a
    constant that holds the number of channels at `axis`) or `group` (an attribute that is the number of channels).
    """

    node: onnx.NodeProto
    slot: int
    axis: int
    labels: Labels
    role: str


@dataclass(slots=True)
class LabelBook:
    """All labels, which of them are one, and which may not go."""

    _parent: list[int] = field(default_factory=list)
    _frozen: set[int] = field(default_factory=set)
    slots: list[Slot] = field(default_factory=list)

    def new(self, count: int) -> Labels:
        """Labels that nothing else has."""
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def root(self, label: int) -> int:
        """The label that stands for all that became one with `label`."""
        parent = self._parent
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    def roots(self, labels: Labels) -> Labels:
        """`root` of each."""
        return np.fromiter((self.root(int(label)) for label in labels), np.int64, len(labels))

    def unite(self, some: Labels, others: Labels) -> None:
        """Make them one, position by position."""
        for one, other in zip(some, others, strict=True):
            first, second = sorted((self.root(int(one)), self.root(int(other))))
            self._parent[second] = first

    def freeze(self, labels: Labels) -> None:
        """These must stay."""
        self._frozen.update(int(label) for label in labels)

    def frozen_roots(self) -> set[int]:
        """The roots of all that must stay."""
        return {self.root(label) for label in self._frozen}
