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
    """The drop that is allowed (a fraction), how sure to be of it, and how long to search."""

    max_drop: float
    confidence: float
    budget_s: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One mixture: which layers stayed in floats, and what that gave on the selection samples."""

    kept: frozenset[str]
    scheme: Scheme
    flips: Flips
    probability: float
    output_sqnr_db: float
    after_s: float

    def row(self) -> dict[str, Any]:
        """For charts: JSON types."""
        return {
            "float_layers": len(self.kept),
            "agreement": round(self.flips.agreement, 5),
            "expected_drop": round(self.flips.expected_drop, 5),
            "probability": round(self.probability, 4),
            "output_sqnr_db": round(self.output_sqnr_db, 2),
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


def search(
    made: Quantizer,
    selection: Dataset,
    goal: Goal,
    tell: Callable[[float, str], None] = lambda _fraction, _text: None,
) -> Found:
    """All int8 first; if that does not do, the layer sets of `trade.float_sets` by bisection, fast ones preferred.

    Args:
        selection: samples that ranges and biases were not taken from; labels are used where there are any.
    """
    judge = _Judge(made, selection, goal)
    first = judge.try_set(frozenset())
    found = Found(first, [first], meets=first.probability >= goal.confidence)
    tell(0.3, _words(first))
    found.layers = _sensitivities(judge)
    if found.meets:
        return found
    found.complete = len(found.layers) == sum(unit.layer is not None for unit in first.scheme.placement.units)
    # Neither the set that was tried first, nor the one without any integers.
    sets = float_sets(trades(made, found.layers))[1:-1]
    low, high = 0, len(sets) - 1
    while low <= high:
        if judge.over():
            found.complete = False
            break
        # Nearer to the fast end: what is tried there is faster, and more often enough than not.
        middle = (2 * low + high) // 3
        tried = judge.try_set(sets[middle])
        found.tried.append(tried)
        tell(min(0.9, 0.3 + 0.6 * judge.elapsed_s / goal.budget_s), _words(tried))
        if tried.probability >= goal.confidence:
            # Found later, so with fewer layers in floats than what met the goal before.
            found.best, found.meets, high = tried, True, middle - 1
        else:
            low = middle + 1
            if not found.meets and tried.probability > found.best.probability:
                found.best = tried
    return found


def _sensitivities(judge: _Judge) -> list[LayerSensitivity]:
    until = judge.elapsed_s + _SHARE_FOR_SENSITIVITY * judge.goal.budget_s
    samples = judge.made.samples.first(_SENSITIVITY_SAMPLES)
    return sensitivities(judge.made, samples, enough=lambda: judge.elapsed_s > until)


class _Judge:
    def __init__(self, made: Quantizer, selection: Dataset, goal: Goal) -> None:
        self._started = time.monotonic()
        self.made, self.goal = made, goal
        self._selection = selection
        self._real: NDArray[np.float32] = scores_of(made.graph, selection, made.batch)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def over(self) -> bool:
        return self.elapsed_s >= self.goal.budget_s

    def try_set(self, kept: frozenset[str]) -> Tried:
        placement = self.made.placement(kept)
        scheme = self.made.scheme(placement, min(_BIAS_SAMPLES, self.made.options.bias_samples))
        scores = scores_of(OnnxGraph(emit_qdq(scheme)), self._selection, self.made.batch)
        flips = flips_of(scores, self._real, self._selection.y)
        probability = flips.probability_within(self.goal.max_drop)
        floats = frozenset(
            unit.name for unit in placement.units if unit.layer is not None and unit.output not in placement.integer
        )
        return Tried(floats, scheme, flips, probability, sqnr_db(self._real, scores), self.elapsed_s)


def _words(tried: Tried) -> str:
    return f"{len(tried.kept)} layers in 32 bits: {tried.flips.agreement:.2%} of the answers are the same"
