"""Channel pruning as a whole: valid, smaller, and refitting helps."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.layer import layers, weight_of
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.prune.prune_channels import ChannelPlan, PrunedChannels, prune_channels
from edgeyard.optimize.prune.sampling import Sampling
from tests.unit.optimize import net


def sampling(data: Dataset, rows: int = 2000) -> Sampling:
    return Sampling(data, 16, rows, 0, 1 << 28)


def pruned(model: onnx.ModelProto, data: Dataset, **plan: object) -> tuple[onnx.ModelProto, PrunedChannels]:
    graph = OnnxGraph(model)
    done = prune_channels(graph, ChannelPlan(**plan), sampling(data), lambda _part, _text: None)  # type: ignore[arg-type]
    smaller = graph.to_model()
    onnx.checker.check_model(smaller, full_check=True)
    return smaller, done


def miss(model: onnx.ModelProto, other: onnx.ModelProto, data: Dataset) -> float:
    x = net.batch_of(data)
    return float(((net.run(model, x) - net.run(other, x)) ** 2).mean())


@pytest.mark.parametrize("allocation", ["uniform", "balanced"])
def test_refitting_brings_the_outputs_nearer_to_the_original(allocation: str) -> None:
    model, data = net.residual(inner=16), net.samples(96)
    bare, _ = pruned(model, data, fraction=0.4, allocation=allocation, recover=False)
    refitted, done = pruned(model, data, fraction=0.4, allocation=allocation)
    assert miss(model, refitted, data) < 0.5 * miss(model, bare, data)
    assert done.multiply_adds_after < 0.8 * done.multiply_adds_before
    assert all(fit.error_after <= fit.error_before * (1 + 1e-6) + 1e-12 for fit in done.fits)


def test_reconstruction_chooses_better_than_magnitude() -> None:
    model, data = net.residual(inner=16), net.samples(96)
    by_size, _ = pruned(model, data, fraction=0.4, score="magnitude", recover=False)
    chosen, _ = pruned(model, data, fraction=0.4, recover=False)
    assert miss(model, chosen, data) < miss(model, by_size, data)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_cutting_channels_that_do_nothing_changes_nothing(seed: int, made: bool, recover: bool) -> None:
    """Half of the channels are made of zero weights (`made`), or read with zero weights."""
    build = net.Net(seed)
    x = build.conv_relu(build.conv_relu("image", 3, 8), 8, 8)
    graph = OnnxGraph(build.model(build.head(x, 8)))
    silent = np.sort(build.rng.permutation(8)[:4])
    first, second, head = layers(graph)
    for maker, reader in ((first, second), (second, head)):
        weight = weight_of(graph, maker if made else reader)
        weight[silent if made else (slice(None), silent)] = 0
        graph.store((maker if made else reader).node.input[1], weight)
        if made:
            graph.store(maker.node.input[2], np.where(np.isin(np.arange(8), silent), 0, 0.5).astype(np.float32))
    model, data = graph.to_model(), net.samples(48, seed=seed)
    smaller, done = pruned(model, data, fraction=0.5, recover=recover)
    assert set(done.widths.values()) == {(8, 4)}
    assert miss(model, smaller, data) < 1e-6


def test_convolutions_between_transposes_are_pruned_and_depthwise_ones_refitted() -> None:
    model, data = net.separable(), net.samples(96, (8, 8, 3))
    bare, _ = pruned(model, data, fraction=0.25, recover=False)
    refitted, done = pruned(model, data, fraction=0.25)
    assert miss(model, refitted, data) < miss(model, bare, data)
    assert [after for _, after in done.widths.values()] == [12, 12, 12]
    assert sum("conv" in fit.name for fit in done.fits) >= 3


def test_a_model_with_a_fixed_batch_of_one_is_pruned_too() -> None:
    model, data = net.residual(batch=1), net.samples(40)
    graph = OnnxGraph(model)
    prune_channels(graph, ChannelPlan(0.25), Sampling(data, 1, 500, 0, 1 << 28), lambda _part, _text: None)
    assert net.run(graph.to_model(), data.x[:1]).shape == (1, 4)


def test_norms_are_folded_before() -> None:
    build = net.Net()
    x = build.op("Relu", build.norm(build.conv("image", 3, 8, bias=False), 8))
    x = build.op("Relu", build.norm(build.conv(x, 8, 8, bias=False), 8))
    model = build.model(build.head(x, 8))
    smaller, done = pruned(model, net.samples(64), fraction=0.25)
    assert "BatchNormalization" not in {node.op_type for node in smaller.graph.node}
    assert [after for _, after in done.widths.values()] == [6, 6]


def test_nothing_to_cut_is_told() -> None:
    build = net.Net()
    model = build.model(build.head(build.op("Softmax", build.conv("image", 3, 6), axis=1), 6))
    _, done = pruned(model, net.samples(32), fraction=0.5)
    assert done.multiply_adds_after == done.multiply_adds_before
    assert "needed" in done.why_nothing(8)
    _, done = pruned(net.residual(), net.samples(32), fraction=0.25, multiple_of=32)
    assert "multiples of 32" in done.why_nothing(32)


def test_the_memory_bounds_which_layers_are_refitted() -> None:
    graph = OnnxGraph(net.residual(inner=16))
    done = prune_channels(graph, ChannelPlan(0.25), Sampling(net.samples(32), 16, 500, 0, 64), lambda _p, _t: None)
    assert done.widths == {}


def test_the_demo_model_keeps_its_answers(tmp_path: Path) -> None:
    demo = Path(__file__).resolve().parents[4] / "resources" / "demo"
    from edgeyard.domain.preprocessing import read_preprocessing
    from edgeyard.optimize.dataset import load_dataset

    preprocessing = read_preprocessing((demo / "preprocessing.json").read_bytes())
    data = load_dataset(demo / "calibration.npz", preprocessing)
    evaluation = load_dataset(demo / "evaluation.npz", preprocessing)
    model = onnx.load(demo / "yard-vision-2.onnx")
    smaller, done = pruned(model, data, fraction=0.125, multiple_of=4, allocation="balanced")
    x = net.batch_of(evaluation)
    agreement = (net.run(model, x).argmax(axis=1) == net.run(smaller, x).argmax(axis=1)).mean()
    assert agreement > 0.85
    assert done.multiply_adds_after < 0.88 * done.multiply_adds_before
