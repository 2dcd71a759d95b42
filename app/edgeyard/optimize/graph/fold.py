"""Fold batch norm into the convolution before it, as every runtime does when it loads a model."""

from __future__ import annotations

import numpy as np

from edgeyard.optimize.graph.layer import Layer, bias_of, can_hold_bias, layer_of, store_bias, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute


def fold_batch_norms(graph: OnnxGraph) -> int:
    """Fold each BatchNormalization that alone reads a Conv or Gemm into that layer; how many were folded.

    y = γ · (W·x + b − μ) ÷ √(σ² + ε) + β is a layer with the weights W·s and the bias (b − μ)·s + β, s = γ ÷ √(σ² + ε)
    (S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015, section 3.1).
    """
    folded = 0
    for node in list(graph.nodes):
        if node.op_type != "BatchNormalization" or attribute(node, "training_mode", 0) or len(node.input) != 5:
            continue
        before = graph.maker(node.input[0])
        layer = None if before is None else layer_of(graph, before)
        values = [graph.constant(name) for name in node.input[1:]]
        if layer is None or layer.operator not in {"Conv", "Gemm"} or any(value is None for value in values):
            continue
        if graph.only_reader(layer.output) is None or any(node.output[1:]) or not can_hold_bias(graph, layer):
            continue
        gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
        scale = gamma / np.sqrt(variance + attribute(node, "epsilon", 1e-5))
        _scale(graph, layer, scale, beta - mean * scale)
        layer.node.output[0] = node.output[0]
        graph.nodes = [each for each in graph.nodes if each.output[0] != node.output[0] or each is layer.node]
        graph.index()
        folded += 1
    return folded


def _scale(graph: OnnxGraph, layer: Layer, scale: np.ndarray, shift: np.ndarray) -> None:
    weight = weight_of(graph, layer)
    bias = bias_of(graph, layer)
    last = layer.operator == "Gemm" and not attribute(layer.node, "transB", 0)
    scaled = weight * (scale if last else scale.reshape(-1, *[1] * (weight.ndim - 1)))
    graph.store_for(layer.node, 1, scaled.astype(np.float32))
    store_bias(graph, layer, shift if bias is None else bias * scale + shift)
