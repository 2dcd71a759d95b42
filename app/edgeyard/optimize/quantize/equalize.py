"""Cross-layer equalization: give the channels between two layers similar ranges, without changing what they compute.

M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1: since
Relu(s·x) = s·Relu(x), a channel between two layers may be divided by s in the first and multiplied by s in the second.
With s = √(r₁ ÷ r₂), r the largest weight of that channel in each, both get the range √(r₁·r₂).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer, bias_of, layer_of, layers, store_bias, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute

_ROUNDS = 20
_CONVERGED = 1e-3
_MOST = 1e3
"""Bounds the factors of a round: a dead channel would ask for infinity."""
_HOMOGENEOUS = ("Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten")


@dataclass(frozen=True, slots=True)
class _Pair:
    first: Layer
    second: Layer


def equalize(graph: OnnxGraph) -> int:
    """Equalize all pairs of layers that nothing else reads between, in rounds until it settles; how many pairs."""
    pairs = _pairs(graph)
    for _ in range(_ROUNDS):
        change = 0.0
        for pair in pairs:
            factors = _factors(graph, pair)
            _scale(graph, pair, factors)
            change = max(change, float(np.abs(np.log(factors)).max()))
        if change < _CONVERGED:
            break
    return len(pairs)


def _pairs(graph: OnnxGraph) -> list[_Pair]:
    pairs = []
    for first in layers(graph):
        if first.operator not in {"Conv", "Gemm"}:
            continue
        tensor = first.output
        reader = graph.only_reader(tensor)
        while reader is not None and reader.node.op_type in _HOMOGENEOUS and reader.slot == 0:
            tensor = reader.node.output[0]
            reader = graph.only_reader(tensor)
        second = layer_of(graph, reader.node) if reader is not None and reader.slot == 0 else None
        if second is None or second.operator not in {"Conv", "Gemm"}:
            continue
        # A Flatten of more than one pixel makes the second layer wider than there are channels.
        if len(_first_rows(graph, first)) == len(_second_rows(graph, second)):
            pairs.append(_Pair(first, second))
    return pairs


def _first_rows(graph: OnnxGraph, layer: Layer) -> NDArray[np.float32]:
    """Weights by output channel."""
    weight = weight_of(graph, layer)
    if layer.operator == "Gemm" and not attribute(layer.node, "transB", 0):
        weight = weight.T
    return weight.reshape(len(weight), -1)


def _second_rows(graph: OnnxGraph, layer: Layer) -> NDArray[np.float32]:
    """Weights by input channel; those of grouped convolutions by group and channel in it."""
    weight = weight_of(graph, layer)
    if layer.operator == "Gemm":
        return weight.T if attribute(layer.node, "transB", 0) else weight
    by_group = weight.reshape(layer.group, -1, *weight.shape[1:]).swapaxes(1, 2)
    return by_group.reshape(layer.group * weight.shape[1], -1)


def _factors(graph: OnnxGraph, pair: _Pair) -> NDArray[np.float64]:
    first = np.abs(_first_rows(graph, pair.first)).max(axis=1).astype(np.float64)
    second = np.abs(_second_rows(graph, pair.second)).max(axis=1).astype(np.float64)
    usable = (first > 0) & (second > 0)
    quotients = np.divide(first, second, out=np.ones_like(first), where=usable)
    factors: NDArray[np.float64] = np.clip(np.sqrt(quotients), 1 / _MOST, _MOST)
    bias = bias_of(graph, pair.first)
    if bias is not None and bias.any():
        # A dead channel is all bias; growing past the others it would widen the range of the whole tensor.
        factors = np.maximum(factors, np.minimum(np.abs(bias) / np.abs(bias).max(), 1.0))
    return factors


def _scale(graph: OnnxGraph, pair: _Pair, factors: NDArray[np.float64]) -> None:
    first, second = weight_of(graph, pair.first), weight_of(graph, pair.second)
    rows = pair.first.operator == "Conv" or attribute(pair.first.node, "transB", 0)
    along = factors.reshape(-1, *[1] * (first.ndim - 1)) if rows else factors
    graph.store_for(pair.first.node, 1, (first / along).astype(np.float32))
    bias = bias_of(graph, pair.first)
    if bias is not None:
        store_bias(graph, pair.first, bias / factors)
    if pair.second.operator == "Gemm":
        along = factors if attribute(pair.second.node, "transB", 0) else factors[:, None]
    else:
        # Output channels of a group share its input channels.
        group = pair.second.group
        along = np.repeat(factors.reshape(group, -1), len(second) // group, axis=0)
        along = along.reshape(len(second), -1, *[1] * (second.ndim - 2))
    graph.store_for(pair.second.node, 1, (second * along).astype(np.float32))
