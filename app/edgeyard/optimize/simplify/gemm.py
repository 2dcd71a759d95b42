"""A MatMul with an Add of its bias as one Gemm: integer kernels then add the bias before they round."""

from __future__ import annotations

from edgeyard.optimize.graph.layer import bias_of, layers
from edgeyard.optimize.graph.onnx_graph import OnnxGraph


def products_as_gemm(graph: OnnxGraph) -> int:
    """Replace each MatMul of a matrix whose bias an Add holds; how many there were."""
    from onnx import helper

    shapes = graph.shapes()
    replaced = 0
    for layer in layers(graph):
        bias = bias_of(graph, layer) if layer.bias_node is not None else None
        if layer.operator != "MatMul" or bias is None or len(shapes.get(layer.input, ())) != 2:
            continue
        name = graph.new_name(f"{layer.output}_bias")
        graph.store(name, bias)
        gemm = helper.make_node("Gemm", [layer.input, layer.node.input[1], name], [layer.output], layer.name)
        assert layer.bias_node is not None
        graph.nodes[graph.nodes.index(layer.bias_node)] = gemm
        graph.nodes.remove(layer.node)
        graph.index()
        replaced += 1
    return replaced
