"""How much noise each layer alone brings to the output when it computes in integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from edgeyard.optimize.cost import multiply_adds
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.layer_noise import decibels, scores_of
from edgeyard.optimize.quantize.placement import slow_in_integers
from edgeyard.optimize.quantize.quantize_graph import Quantizer
from edgeyard.optimize.quantize.scheme import make_scheme
from edgeyard.optimize.quantize.trade import LayerTrade
from edgeyard.optimize.quantize.unit import Role, Unit, find_units

_INTEGER_GAIN_US = 9e-6
"""Microseconds that a multiply-add is faster in integers than in floats, measured with ResNet-20 on AVX-512 VNNI."""
_CONVERT_US = 5e-4
"""What a value takes to be converted. Only the quotient of the two matters, and differs little between processors."""


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """`noise` is the mean square of what the scores differ by when only this layer computes in integers; `sqnr_db` the
    same against the scores themselves."""

    unit: Unit
    noise: float
    sqnr_db: float


def sensitivities(
    made: Quantizer,
    dataset: Dataset,
    tell: Callable[[float], None] = lambda _fraction: None,
    enough: Callable[[], bool] = lambda: False,
) -> list[LayerSensitivity]:
    """Of every layer with weights, in the order of the nodes; fewer when `enough` says so before."""
    units = [unit for unit in find_units(made.graph) if unit.role is Role.WEIGHTS]
    real = scores_of(made.graph, dataset, made.batch, made.threads)
    signal = float(np.square(real, dtype=np.float64).mean())
    found = []
    for number, unit in enumerate(units):
        if enough():
            break
        placement = made.placement({other.name for other in units if other is not unit}, edges=False)
        scheme = make_scheme(made.graph, placement, made.ranges, made.options.form)
        scores = scores_of(OnnxGraph(emit_qdq(scheme)), dataset, made.batch, made.threads)
        noise = float(np.square(real - scores, dtype=np.float64).mean())
        found.append(LayerSensitivity(unit, noise, decibels(signal, noise)))
        tell((number + 1) / len(units))
    return found


def trades(made: Quantizer, found: list[LayerSensitivity]) -> list[LayerTrade]:
    """What each layer's noise costs to avoid, estimated from multiply-adds and tensor sizes."""
    shapes = {name: tuple(size or 1 for size in shape) for name, shape in made.graph.shapes().items()}
    fixed = set(made.options.keep_float)
    if made.options.fast_edges:
        fixed |= set(slow_in_integers(made.graph, [each.unit for each in found]))
    return [
        LayerTrade(
            each.unit.name,
            each.noise,
            _multiply_adds(each.unit, shapes) * _INTEGER_GAIN_US,
            prod(shapes.get(each.unit.inputs[0], (1,))) * _CONVERT_US,
            each.unit.name in fixed,
        )
        for each in found
    ]


def _multiply_adds(unit: Unit, shapes: Mapping[str, tuple[int, ...]]) -> int:
    node = unit.node
    attributes = {name: int(attribute(node, name, 0)) for name in ("transA", "transB", "group")}
    inputs, outputs = ([shapes.get(name) for name in names] for names in (node.input, node.output))
    return multiply_adds(node.op_type, inputs, outputs, attributes) or 0
