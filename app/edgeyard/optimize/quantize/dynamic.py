"""Dynamic int8: weights are integers, activations become integers at run time with the range of each input."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edgeyard.optimize.graph.layer import Layer, bias_of, layers, matrix_of, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph, attribute
from edgeyard.optimize.quantize.naming import mark_for
from edgeyard.optimize.quantize.weight import quantize_weight


def quantize_dynamic(graph: OnnxGraph, operators: Collection[str], bits: int = 8) -> list[str]:
    """Replace the layers of these kinds in `graph`; their names.

    Written in ONNX's own operators: DynamicQuantizeLinear, MatMulInteger or ConvInteger, and a Mul by both scales.
    onnxruntime makes one kernel of a product, DynamicQuantizeMatMul. Convolutions have one weight scale, since
    ConvInteger knows no others.
    """
    names = []
    mark = mark_for(graph)
    inputs: dict[str, list[str]] = {}
    for layer in layers(graph):
        if layer.operator not in operators or layer.operator == "ConvTranspose":
            continue
        if layer.operator == "MatMul" and weight_of(graph, layer).ndim != 2:
            continue
        _replace(graph, layer, bits, mark, inputs)
        names.append(layer.name)
    return names


def _replace(graph: OnnxGraph, layer: Layer, bits: int, mark: str, inputs: dict[str, list[str]]) -> None:
    from onnx import helper

    is_product = layer.operator != "Conv"
    weight = matrix_of(graph, layer) if is_product else weight_of(graph, layer)
    integer = quantize_weight(weight, -1 if is_product else 0, bits, per_channel=is_product)
    out = layer.node.output[0]
    stem = f"{out}{mark}"
    graph.store(f"{stem}_w8", integer.values)
    graph.store(f"{stem}_w8_scale", integer.scales if integer.scales.size > 1 else integer.scales.reshape(()))
    made = []
    if layer.input not in inputs:
        # Readers of the same tensor share its integers.
        inputs[layer.input] = [f"{stem}_x8", f"{stem}_x8_scale", f"{stem}_x8_zero"]
        made.append(helper.make_node("DynamicQuantizeLinear", [layer.input], inputs[layer.input], f"{stem}_quantize"))
    x8, scale, zero = inputs[layer.input]
    if is_product:
        graph.store(f"{stem}_w8_zero", np.zeros(integer.scales.shape, np.int8))
        operands = [x8, f"{stem}_w8", zero, f"{stem}_w8_zero"]
        made.append(helper.make_node("MatMulInteger", operands, [f"{stem}_sum"], layer.name))
    else:
        kept = {each.name: attribute(layer.node, each.name, None) for each in layer.node.attribute}
        made.append(helper.make_node("ConvInteger", [x8, f"{stem}_w8", zero], [f"{stem}_sum"], layer.name, **kept))
    bias = bias_of(graph, layer) if layer.bias_node is None else None
    product = out if bias is None else f"{stem}_product"
    made += [
        helper.make_node("Cast", [f"{stem}_sum"], [f"{stem}_real"], f"{stem}_cast", to=1),
        helper.make_node("Mul", [scale, f"{stem}_w8_scale"], [f"{stem}_scale"], f"{stem}_scales"),
        helper.make_node("Mul", [f"{stem}_real", f"{stem}_scale"], [product], f"{stem}_scaled"),
    ]
    if bias is not None:
        graph.store(f"{stem}_bias", bias if is_product else bias.reshape(-1, *[1] * (weight.ndim - 2)))
        made.append(helper.make_node("Add", [product, f"{stem}_bias"], [out], f"{stem}_biased"))
    place = graph.nodes.index(layer.node)
    graph.nodes[place : place + 1] = made
    graph.index()
