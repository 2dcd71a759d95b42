"""All that decides a quantized graph: which tensors are integers, with which scales, and the integer weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import bias_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute
from edgeyard.optimize.quantize.affine import Affine, affine_of
from edgeyard.optimize.quantize.placement import Placement
from edgeyard.optimize.quantize.range_choice import Range
from edgeyard.optimize.quantize.unit import Role, Unit
from edgeyard.optimize.quantize.weight import IntegerWeight, quantize_weight, scale_for_bias


@dataclass(frozen=True, slots=True)
class Form:
    """Types of activations and weights: `activation` is a key of `affine.TYPES`, weights are int8 of `weight_bits`."""

    activation: str
    weight_bits: int = 8
    per_channel: bool = True
    least_weight_error: bool = False


FORMS = {
    "u8s8": Form("uint8"),
    "u8s7": Form("uint8", weight_bits=7),
    "s8s8": Form("int8"),
    "u16s8": Form("uint16"),
    "s16s8": Form("int16"),
}
"""By the name in recipes."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A float graph and how its units become integers. Nothing in `graph` is changed yet."""

    graph: OnnxGraph
    placement: Placement
    affines: Mapping[str, Affine]
    """By tensor, for all of `placement.held`."""
    weights: Mapping[str, IntegerWeight]
    """By the output of the unit."""
    biases: Mapping[str, NDArray[np.float32] | None]
    """Likewise, in floats; `None` where there is none."""


def make_scheme(
    graph: OnnxGraph,
    placement: Placement,
    ranges: Mapping[str, Range],
    form: Form,
    biases: Mapping[str, NDArray[np.float32]] | None = None,
) -> Scheme:
    """Scales for all held tensors and integers for all weights.

    Args:
        ranges: of `tensors_to_calibrate`.
        biases: instead of those in the graph, by the output of the unit.
    """
    affines: dict[str, Affine] = {}
    carried = _carried(placement.units)
    for name in sorted(placement.held):
        low, high = ranges[_source(name, carried)]
        affines[name] = affine_of(low, high, form.activation)
    weights, used = {}, {}
    for unit in placement.weighted():
        given = (biases or {}).get(unit.output)
        bias = _bias(graph, unit) if given is None else given
        assert unit.layer is not None
        weights[unit.output] = quantize_weight(
            weight_of(graph, unit.layer),
            output_axis(unit),
            form.weight_bits,
            form.per_channel,
            form.least_weight_error,
            scale_for_bias(bias, affines[unit.inputs[0]].scale),
        )
        used[unit.output] = bias
    return Scheme(graph, placement, affines, weights, used)


def tensors_to_calibrate(units: Iterable[Unit]) -> list[str]:
    """The tensors whose ranges `make_scheme` asks for, whatever the placement of these units; in a fixed order."""
    units = list(units)
    carried = _carried(units)
    return sorted({_source(name, carried) for unit in units for name in (*unit.inputs, unit.output)})


def _carried(units: Iterable[Unit]) -> dict[str, str]:
    return {unit.output: unit.inputs[0] for unit in units if unit.role is Role.CARRY}


def _source(tensor: str, carried: Mapping[str, str]) -> str:
    """Where the values come from that carriers hand on: their range is that of what was handed on."""
    while tensor in carried:
        tensor = carried[tensor]
    return tensor


def output_axis(unit: Unit) -> int:
    """The axis of the stored weight along which its output channels lie."""
    assert unit.layer is not None
    if unit.layer.operator == "Conv":
        return 0
    if unit.layer.operator == "Gemm" and attribute(unit.node, "transB", 0):
        return 0
    return -1


def _bias(graph: OnnxGraph, unit: Unit) -> NDArray[np.float32] | None:
    """The bias that goes into the integer sum; one that an Add holds stays there."""
    assert unit.layer is not None
    return None if unit.layer.bias_node is not None else bias_of(graph, unit.layer)
