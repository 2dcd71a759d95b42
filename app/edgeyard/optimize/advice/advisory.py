"""What an advisor says. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerShare:
    """A layer and its share, 0 to 1, of whatever is being divided."""

    name: str
    operator: str
    share: float


@dataclass(frozen=True, slots=True)
class Dominance:
    """What the cost of one sample is made of. Shares of time are of a roofline estimate, and add up to 1.

    `kind` is the word for the largest of them: `compute`, `memory` (traffic), or `overhead` (fixed cost per layer).
    """

    kind: str
    compute_share: float
    memory_share: float
    overhead_share: float
    slowest: tuple[LayerShare, ...]
    heaviest: tuple[LayerShare, ...]
    """By parameters."""
    source: str


@dataclass(frozen=True, slots=True)
class Advice:
    """One change to the architecture; each needs training unless its text says otherwise.

    `time_share` is the part of the estimated time that the layers in question take. `block_ratio` is old ÷ new of the
    blocks themselves, and `model_ratio` what that makes of the whole model's time; `None` where nothing was measured.
    `source` says where the ratios come from.
    """

    code: str
    title: str
    text: str
    layers: tuple[str, ...]
    time_share: float
    block_ratio: float | None
    model_ratio: float | None
    parameters_saved: int
    multiply_adds_saved: int
    source: str


@dataclass(frozen=True, slots=True)
class Advisory:
    """What dominates, and the advice with the largest expected gain first."""

    dominance: Dominance
    advice: tuple[Advice, ...]
