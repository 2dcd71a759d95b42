"""Folding batch norm changes the graph, not what it computes."""

import numpy as np
import pytest

from edgeyard.optimize.graph.fold import fold_batch_norms
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from tests.unit.optimize import net


@pytest.mark.parametrize("bias", [True, False])
def test_a_norm_behind_a_convolution_is_folded(bias: bool) -> None:
    build = net.Net()
    x = build.op("Relu", build.norm(build.conv("image", 3, 6, bias=bias), 6))
    model = build.model(build.head(x, 6))
    graph = OnnxGraph(model)
    assert fold_batch_norms(graph) == 1
    assert "BatchNormalization" not in {node.op_type for node in graph.nodes}
    x = net.batch_of(net.samples(4))
    assert np.allclose(net.run(model, x), net.run(graph.to_model(), x), atol=1e-4)


def test_a_norm_that_stands_alone_or_shares_its_input_stays() -> None:
    build = net.Net()
    first = build.norm("image", 3)
    shared = build.conv(first, 3, 6)
    x = build.op("Add", build.norm(shared, 6), shared)
    graph = OnnxGraph(build.model(build.head(x, 6)))
    assert fold_batch_norms(graph) == 0


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_norm_behind_a_gemm_is_folded(transposed: int) -> None:
    build = net.Net()
    flat = build.op("Flatten", "image")
    weight = build.normal(4, 192) if transposed else build.normal(192, 4)
    model = build.model(build.norm(build.op("Gemm", flat, weight, transB=transposed), 4))
    graph = OnnxGraph(model)
    assert fold_batch_norms(graph) == 1
    x = net.batch_of(net.samples(4))
    assert np.allclose(net.run(model, x), net.run(graph.to_model(), x), atol=1e-4)
