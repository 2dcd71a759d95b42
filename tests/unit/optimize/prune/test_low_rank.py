"""Low rank: exact where the outputs vary in few directions, and only where it saves work."""

import numpy as np
import onnx
import pytest

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.low_rank import PRODUCTS, FactoredLayer, RankPlan, factor_layers, smallest_rank
from edgeyard.optimize.prune.sampling import Sampling
from tests.unit.optimize import net


def dense(rank: int, operator: str = "Gemm", bias: bool = True) -> onnx.ModelProto:
    """A dense layer 192 → 64 of that rank, and a head."""
    build = net.Net()
    flat = build.op("Flatten", "image")
    weight = (build.rng.normal(size=(192, rank)) @ build.rng.normal(size=(rank, 64)) / 40).astype(np.float32)
    if operator == "Gemm":
        inputs = [build.stored(weight.T.copy()), *([build.normal(64)] if bias else [])]
        x = build.op("Gemm", flat, *inputs, transB=1)
    else:
        x = build.op("MatMul", flat, build.stored(weight))
        x = build.op("Add", x, build.normal(64)) if bias else x
    return build.model(build.op("Gemm", build.op("Relu", x), build.normal(64, 4), build.normal(4)))


def factored(
    model: onnx.ModelProto, data: Dataset, plan: RankPlan | None = None
) -> tuple[onnx.ModelProto, list[FactoredLayer]]:
    graph = OnnxGraph(model)
    plan = plan or RankPlan(0.01, 0.25)
    done, _ = factor_layers(graph, plan, Sampling(data, 16, 1000, 0, 1 << 28), lambda _p, _t: None)
    result = graph.to_model()
    onnx.checker.check_model(result, full_check=True)
    return result, done


@pytest.mark.parametrize("operator", ["Gemm", "MatMul"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("recover", [True, False])
def test_a_layer_of_low_rank_is_replaced_without_loss(operator: str, bias: bool, recover: bool) -> None:
    model, data = dense(6, operator, bias), net.samples(64)
    result, done = factored(model, data, RankPlan(1e-6, 0.25, recover=recover))
    assert [(each.features, each.outputs, each.rank) for each in done] == [(192, 64, 8)]
    x = net.batch_of(net.samples(20, seed=9))
    assert np.allclose(net.run(model, x), net.run(result, x), atol=1e-3)
    assert sum(t.ByteSize() for t in result.graph.initializer) < 0.3 * sum(
        t.ByteSize() for t in model.graph.initializer
    )


def test_a_layer_of_full_rank_stays() -> None:
    model = dense(64)
    result, done = factored(model, net.samples(200))
    assert done == []
    assert len(result.graph.node) == len(model.graph.node)


def test_what_the_inputs_never_do_costs_no_rank() -> None:
    """The weights have full rank, the inputs do not: plain SVD would keep everything."""
    data = net.samples(128)
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(128, 5)) @ rng.normal(size=(5, 192))).reshape(128, 3, 8, 8).astype(np.float32)
    narrow = Dataset(x, None, data.preprocessing, "")
    model = dense(64)
    result, done = factored(model, narrow)
    assert done[0].rank == 8
    assert np.allclose(net.run(model, x), net.run(result, x), atol=1e-2)


def test_a_convolution_becomes_a_thin_one_and_a_pointwise_one() -> None:
    build = net.Net()
    x = build.conv_relu("image", 3, 16)
    weight = (build.rng.normal(size=(32, 4)) @ build.rng.normal(size=(4, 144)) / 12).reshape(32, 16, 3, 3)
    inputs = [x, build.stored(weight.astype(np.float32)), build.normal(32)]
    x = build.op("Conv", *inputs, pads=[1] * 4, strides=[2] * 2, kernel_shape=[3, 3])
    model = build.model(build.head(build.op("Relu", x), 32))
    data = net.samples(64)
    assert factored(model, data)[1] == []
    result, done = factored(model, data, RankPlan(1e-5, 0.25, (*PRODUCTS, "Conv"), multiple_of=4))
    assert [each.rank for each in done] == [4]
    assert np.allclose(net.run(model, data.x), net.run(result, data.x), atol=1e-3)


def test_the_smallest_rank_loses_at_most_the_allowed_part() -> None:
    values = np.array([8.0, 4.0, 2.0, 1.0, 1.0])
    assert smallest_rank(values, 0.25, 1) == 2
    assert smallest_rank(values, 0.24, 1) == 3
    assert smallest_rank(values, 0.24, 4) == 4
    assert smallest_rank(values, 0.0, 1) == 5
    assert smallest_rank(values, 0.0, 8) == 5
    assert smallest_rank(np.zeros(3), 0.1, 1) == 1
