"""Find the fastest mixture of int8 and float layers that keeps its accuracy: an anytime search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.proof.numerics import sqnr_db
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.layer_noise import scores_of
from edgeyard.optimize.quantize.odds import Flips, flips_of
from edgeyard.optimize.quantize.quantize_graph import Quantizer
from edgeyard.optimize.quantize.scheme import Scheme
from edgeyard.optimize.quantize.sensitivity import LayerSensitivity, sensitivities, trades
from edgeyard.optimize.quantize.trade import float_sets

_BIAS_SAMPLES = 32
_SENSITIVITY_SAMPLES = 32
_SHARE_FOR_SENSITIVITY = 0.4


@dataclass(frozen=True, slots=True)
class Goal:
    """The drop that is allowed (a fraction), how sure to be of it, how long to search, and how far below that of all
    int8 the noise at the output must lie."""

    max_drop: float
    confidence: float
    budget_s: float
    quieter_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """Which layers stayed in floats, and what that gave on the selection samples."""

    kept: frozenset[str]
    scheme: Scheme
    flips: Flips
    output_sqnr_db: float


@dataclass(frozen=True, slots=True)
class Tried:
    """A mixture held against a goal."""

    mixture: Mixture
    probability: float
    after_s: float

    @property
    def kept(self) -> frozenset[str]:
        """Names of the layers in floats."""
        return self.mixture.kept

    @property
    def scheme(self) -> Scheme:
        """For writing the mixture."""
        return self.mixture.scheme

    @property
    def flips(self) -> Flips:
        """How the answers changed."""
        return self.mixture.flips

    def row(self) -> dict[str, Any]:
        """For charts: JSON types."""
        return {
            "float_layers": len(self.kept),
            "agreement": round(self.flips.agreement, 5),
            "expected_drop": round(self.flips.expected_drop, 5),
            "probability": round(self.probability, 4),
            "output_sqnr_db": round(self.mixture.output_sqnr_db, 2),
            "after_s": round(self.after_s, 2),
        }


@dataclass
class Found:
    """The best mixture so far, and how it was found. `complete` is false when time ran out first."""

    best: Tried
    tried: list[Tried] = field(default_factory=list)
    layers: list[LayerSensitivity] = field(default_factory=list)
    meets: bool = False
    complete: bool = True


class Search:
    """Mixtures of one quantized graph. What was tried for one goal is known for the next."""

    def __init__(self, made: Quantizer, selection: Dataset) -> None:
        """`selection`: samples that ranges and biases were not taken from; labels are used where there are any."""
        self.made = made
        self._selection = selection
        self._real: NDArray[np.float32] = scores_of(made.graph, selection, made.batch, made.threads)
        self._mixtures: dict[frozenset[str], Mixture] = {}
        self._layers: list[LayerSensitivity] = []

    def run(self, goal: Goal, tell: Callable[[float, str], None] = lambda _fraction, _text: None) -> Found:
        """All int8 first; if that does not do, the layer sets of `trade.float_sets` by bisection, fast ones preferred.

        When none does, the likeliest to keep the drop counts, and of those as likely the one with the least noise.
        """
        started = time.monotonic()

        def elapsed_s() -> float:
            return time.monotonic() - started

        def attempt(kept: frozenset[str]) -> Tried:
            mixture = self._mixture(kept)
            return Tried(mixture, mixture.flips.probability_within(goal.max_drop), elapsed_s())

        first = attempt(frozenset())
        least_db = first.mixture.output_sqnr_db + goal.quieter_db

        def meets(tried: Tried) -> bool:
            return tried.probability >= goal.confidence and tried.mixture.output_sqnr_db >= least_db

        found = Found(first, [first], meets=meets(first))
        tell(0.3, _words(first))
        found.layers = self._sensitivities(lambda: elapsed_s() > _SHARE_FOR_SENSITIVITY * goal.budget_s)
        if found.meets:
            return found
        found.complete = len(found.layers) == sum(unit.layer is not None for unit in first.scheme.placement.units)
        # Neither the set that was tried first, nor the one without any integers.
        sets = float_sets(trades(self.made, found.layers))[1:-1]
        low, high = 0, len(sets) - 1
        while low <= high:
            if elapsed_s() >= goal.budget_s:
                found.complete = False
                break
            # Nearer to the fast end: what is tried there is faster, and more often enough than not.
            middle = (2 * low + high) // 3
            tried = attempt(sets[middle])
            found.tried.append(tried)
            tell(min(0.9, 0.3 + 0.6 * elapsed_s() / goal.budget_s), _words(tried))
            if meets(tried):
                # Found later, so with fewer layers in floats than what met the goal before.
                found.best, found.meets, high = tried, True, middle - 1
            else:
                low = middle + 1
                if not found.meets:
                    found.best = max(
                        found.best, tried, key=lambda each: (each.probability, each.mixture.output_sqnr_db)
                    )
        return found

    def _sensitivities(self, enough: Callable[[], bool]) -> list[LayerSensitivity]:
        if not self._layers:
            found = sensitivities(self.made, self.made.samples.first(_SENSITIVITY_SAMPLES), enough=enough)
            if enough():
                return found  # too few, perhaps: the next goal measures them all
            self._layers = found
        return self._layers

    def _mixture(self, kept: frozenset[str]) -> Mixture:
        if kept not in self._mixtures:
            placement = self.made.placement(kept)
            scheme = self.made.scheme(placement, min(_BIAS_SAMPLES, self.made.options.bias_samples))
            scores = scores_of(OnnxGraph(emit_qdq(scheme)), self._selection, self.made.batch, self.made.threads)
            flips = flips_of(scores, self._real, self._selection.y)
            floats = frozenset(
                unit.name for unit in placement.units if unit.layer is not None and unit.output not in placement.integer
            )
            self._mixtures[kept] = Mixture(floats, scheme, flips, sqnr_db(self._real, scores))
        return self._mixtures[kept]


def _words(tried: Tried) -> str:
    return f"{len(tried.kept)} layers in 32 bits: {tried.flips.agreement:.2%} of the answers are the same"
