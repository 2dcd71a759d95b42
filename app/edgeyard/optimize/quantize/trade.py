"""Which layers to leave in floats: the best trade of noise for time, for every price of time.

The layers are taken as a chain. Leaving one in floats takes its noise away and costs time, and so does each place where
floats become integers or back; the set with the least noise + price · time comes out of a Viterbi pass over the chain
(A. J. Viterbi, IEEE Trans. Inf. Theory 13(2), 1967). Prices from high to low give nested sets, fast ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_PRICES = 48
_INTEGER, _FLOAT = 0, 1


@dataclass(frozen=True, slots=True)
class LayerTrade:
    """`noise` that the layer adds in integers (any unit), `cost_us` of leaving it in floats, and `convert_us` when its
    input must be converted. A `fixed` layer stays in floats anyway."""

    name: str
    noise: float
    cost_us: float
    convert_us: float
    fixed: bool = False


def float_sets(layers: Sequence[LayerTrade]) -> list[frozenset[str]]:
    """Sets of layers to leave in floats, from the least time to the least noise; each only once, and from the fixed
    layers alone to all."""
    fixed = frozenset(layer.name for layer in layers if layer.fixed)
    free = [layer for layer in layers if not layer.fixed]
    if not free:
        return [fixed]
    noise, cost = (sum(values) or 1.0 for values in zip(*((layer.noise, layer.cost_us) for layer in free), strict=True))
    found = [fixed]
    for price in noise / cost * np.geomspace(1e3, 1e-3, _PRICES):
        kept = _cheapest(layers, float(price))
        if kept != found[-1]:
            found.append(kept)
    everything = frozenset(layer.name for layer in layers)
    return found if found[-1] == everything else [*found, everything]


def _cheapest(layers: Sequence[LayerTrade], price: float) -> frozenset[str]:
    totals = np.zeros(2)
    choices = []
    for layer in layers:
        own = np.array([np.inf if layer.fixed else layer.noise, 0.0 if layer.fixed else price * layer.cost_us])
        # From either state of the layer before; at a change, this layer's input is converted.
        ways = totals[:, None] + np.array([[0.0, 1.0], [1.0, 0.0]]) * price * layer.convert_us
        choices.append(ways.argmin(axis=0))
        totals = ways.min(axis=0) + own
    state = int(totals.argmin())
    kept = []
    for layer, choice in zip(reversed(layers), reversed(choices), strict=True):
        if state == _FLOAT:
            kept.append(layer.name)
        state = int(choice[state])
    return frozenset(kept)
