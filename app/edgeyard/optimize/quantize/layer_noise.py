"""How far a quantized graph is from the float one, layer by layer and at its output.

Signal to quantization noise, 10·log₁₀(Σ real² ÷ Σ (real − quantized)²), over all values and samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.graph.replay import Replay
from edgeyard.optimize.proof.numerics import MAX_SQNR_DB
from edgeyard.optimize.quantize.calibrate import batch_for
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.scheme import Scheme


def layer_sqnr_db(scheme: Scheme, dataset: Dataset, batch: int) -> dict[str, float]:
    """Of each unit that computes in integers, by its output, with the noise of all layers before it, as in use."""
    return _sqnr_db(scheme, [unit.output for unit in scheme.placement.integer_units()], dataset, batch)


def scores_of(graph: OnnxGraph, dataset: Dataset, batch: int, threads: int = 1) -> NDArray[np.float32]:
    """The first output of every sample, before a Softmax: behind it, sure answers would hide all noise."""
    name = before_softmax(graph)
    return np.concatenate([tensors[name] for tensors in Replay(graph, dataset, batch, 0, threads).batches([name])])


def before_softmax(graph: OnnxGraph) -> str:
    """The tensor that holds the scores: the first output, or what its Softmax reads."""
    name = graph.outputs[0]
    maker = graph.maker(name)
    return str(maker.input[0]) if maker is not None and maker.op_type in {"Softmax", "LogSoftmax"} else name


def _sqnr_db(scheme: Scheme, tensors: list[str], dataset: Dataset, batch: int) -> dict[str, float]:
    quantized = OnnxGraph(emit_qdq(scheme))
    # Of a deep network all outputs at once are far more than one.
    batch = min(batch, batch_for(scheme.graph, tensors))
    real, other = (Replay(graph, dataset, batch, 0).batches(tensors) for graph in (scheme.graph, quantized))
    signal, noise = dict.fromkeys(tensors, 0.0), dict.fromkeys(tensors, 0.0)
    for exact, rough in zip(real, other, strict=True):
        for name in tensors:
            signal[name] += float(np.square(exact[name], dtype=np.float64).sum())
            noise[name] += float(np.square(exact[name] - rough[name], dtype=np.float64).sum())
    return {name: decibels(signal[name], noise[name]) for name in tensors}


def decibels(signal: float, noise: float) -> float:
    """10·log₁₀ of the quotient, at most 200 either way."""
    if noise <= signal * 10 ** (-MAX_SQNR_DB / 10):
        return MAX_SQNR_DB
    return max(-MAX_SQNR_DB, 10 * float(np.log10(signal / noise))) if signal else -MAX_SQNR_DB
