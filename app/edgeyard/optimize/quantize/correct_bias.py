"""Bias correction: take out of each layer's bias what quantization shifts the mean of its output by.

M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2, in
the empirical form of its appendix D: layer after layer, with those before already corrected, so that each mends only
what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay
from edgeyard.optimize.quantize.calibrate import batch_for
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.naming import mark_for
from edgeyard.optimize.quantize.scheme import Scheme
from edgeyard.optimize.quantize.unit import Unit
from edgeyard.optimize.quantize.weight import quantize_bias

Biases = dict[str, NDArray[np.float32]]
Means = dict[str, NDArray[np.float64]]
_SHARE_OF_MEMORY = 4


def correct_bias(
    scheme: Scheme,
    dataset: Dataset,
    batch: int,
    memory_bytes: int,
    means: Means | None = None,
    threads: int = 1,
    tell: Callable[[float], None] = lambda _fraction: None,
) -> Biases:
    """Corrected biases by the output of each unit that has a place for one, for `make_scheme`.

    Args:
        dataset: calibration samples; a hundred settle a mean.
        memory_bytes: bounds what is kept between layers.
        means: of `float_means` for these units, if they are known already.
    """
    units = [unit for unit in scheme.placement.weighted() if unit.layer is not None and unit.layer.bias_node is None]
    biases: Biases = {}
    for unit in units:
        bias = scheme.biases[unit.output]
        channels = scheme.weights[unit.output].values.shape[scheme.weights[unit.output].axis]
        biases[unit.output] = np.zeros(channels, np.float32) if bias is None else bias.copy()
    mark = mark_for(scheme.graph)
    quantized = OnnxGraph(emit_qdq(replace(scheme, biases={**scheme.biases, **biases})))
    wanted = float_means(scheme.graph, units, dataset, batch, threads) if means is None else means
    replay = Replay(quantized, dataset, batch, memory_bytes // _SHARE_OF_MEMORY, threads)
    for number, unit in enumerate(units):
        exact = unit.output if unit.output in scheme.placement.floats else f"{unit.output}{mark}exact"
        shift = wanted[unit.output] - _mean(replay, exact, _before(quantized, exact), unit)
        biases[unit.output] = (biases[unit.output] + shift).astype(np.float32)
        product = scheme.affines[unit.inputs[0]].scale * scheme.weights[unit.output].scales.astype(np.float64)
        quantized.store(f"{unit.output}{mark}bias_integer", quantize_bias(biases[unit.output], product))
        tell((number + 1) / len(units))
    return biases


def float_means(graph: OnnxGraph, units: Iterable[Unit], dataset: Dataset, batch: int, threads: int = 1) -> Means:
    """The mean of each unit's output before its activation, per channel, by the output of the unit; in one sweep."""
    weighted = [unit for unit in units if unit.layer is not None and unit.layer.bias_node is None]
    sums: Means = {unit.output: np.zeros(1) for unit in weighted}
    counts = dict.fromkeys(sums, 0)
    outputs = [unit.node.output[0] for unit in weighted]
    for tensors in Replay(graph, dataset, min(batch, batch_for(graph, outputs)), 0, threads).batches(outputs):
        for unit in weighted:
            total, count = _sum(tensors[unit.node.output[0]], unit)
            sums[unit.output] = sums[unit.output] + total
            counts[unit.output] += count
    return {name: total / max(1, counts[name]) for name, total in sums.items()}


def _before(quantized: OnnxGraph, exact: str) -> str:
    """What the layer reads: kept, since its own output changes with the bias."""
    maker = quantized.maker(exact)
    assert maker is not None, "emit_qdq() made it"
    return str(maker.input[0])


def _mean(replay: Replay, tensor: str, keep: str, unit: Unit) -> NDArray[np.float64]:
    """Per channel, over samples and places."""
    total, count = np.zeros(1), 0
    for tensors in replay.batches([tensor], keep=[keep]):
        more, places = _sum(tensors[tensor], unit)
        total, count = total + more, count + places
    return total / max(1, count)


def _sum(values: NDArray[np.float32], unit: Unit) -> tuple[NDArray[np.float64], int]:
    """Per channel, and of how many values each is."""
    axis = 1 if unit.node.op_type == "Conv" else values.ndim - 1
    others = tuple(index for index in range(values.ndim) if index != axis)
    return values.sum(axis=others, dtype=np.float64), values.size // values.shape[axis]
