"""Equalized ranges and corrected biases: what they change and what they must not."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import helper, numpy_helper

from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.correct_bias import correct_bias
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from edgeyard.optimize.quantize.equalize import equalize
from edgeyard.optimize.quantize.layer_noise import before_softmax, layer_sqnr_db
from edgeyard.optimize.quantize.quantize_graph import QuantizeOptions, quantizer
from edgeyard.optimize.quantize.scheme import FORMS, make_scheme
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import Stock, noise, run, samples, scheme_of, sqnr_db
from tests.unit.optimize.toy_model import model_of, value

X = noise(48, 3, 8, 8)


def uneven() -> OnnxGraph:
    """Conv, depthwise Conv, Conv, Gemm, with channels of very different sizes between them."""
    stock = Stock()
    stock.weights("w1", 8, 3, 1, 1)
    stock.weights("b1", 8)
    stock.weights("w2", 8, 1, 3, 3)
    stock.weights("w3", 6, 8, 1, 1)
    stock.weights("w4", 6, 4)
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], group=8),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"]),
        helper.make_node("GlobalAveragePool", ["c3"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w4"], ["y"]),
    ]
    graph = OnnxGraph(model_of(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 4])], stock.tensors))
    uneven = np.geomspace(0.02, 50, 8).astype(np.float32)
    for name, shape in (("w1", (8, 1, 1, 1)), ("b1", (8,))):
        values = graph.constant(name)
        assert values is not None
        graph.store(name, values * uneven.reshape(shape))
    values = graph.constant("w2")
    assert values is not None
    graph.store("w2", values / uneven.reshape(8, 1, 1, 1))
    return graph


def test_equalizing_changes_no_answer_but_the_ranges() -> None:
    graph = uneven()
    before, weights = run(graph.to_model(), X), graph.constant("w1")
    assert equalize(graph) == 3
    assert np.allclose(run(graph.to_model(), X), before, atol=1e-4 * np.abs(before).max())
    after = graph.constant("w1")
    assert weights is not None
    assert after is not None
    spread = [float(np.ptp(np.log(np.abs(each).max(axis=(1, 2, 3))))) for each in (weights, after)]
    assert spread[1] < spread[0] / 2


def test_equalizing_helps_where_there_is_one_scale_for_all_channels() -> None:
    plain, equal = uneven(), uneven()
    equalize(equal)
    form = replace(FORMS["u8s8"], per_channel=False)
    noise_db = []
    for graph in (plain, equal):
        made = quantizer(graph, samples(X), QuantizeOptions(form, bias_samples=0), None, 16, 1 << 28)
        noise_db.append(sqnr_db(run(graph.to_model(), X), run(emit_qdq(made.scheme(made.placement())), X)))
    assert noise_db[1] > noise_db[0] + 3


def test_layers_that_others_read_too_are_not_equalized() -> None:
    assert equalize(OnnxGraph(networks.residual())) == 0


def test_corrected_biases_bring_the_means_back() -> None:
    model = networks.residual()
    scheme = scheme_of(model, X, "u8s7")
    # Wrong on purpose, as if weights had been rounded badly.
    shifted = {name: np.asarray(bias) + 0.2 for name, bias in scheme.biases.items() if bias is not None}
    wrong = replace(scheme, biases={**scheme.biases, **shifted})
    biases = correct_bias(wrong, samples(X), 16, 1 << 28)
    assert set(biases) == {"r1", "c2", "g"}
    for name, shift in shifted.items():
        assert np.abs(biases[name] - (shift - 0.2)).max() < 0.05
    mended = make_scheme(scheme.graph, scheme.placement, _ranges(scheme), FORMS["u8s7"], biases)
    exact = run(model, X)
    assert sqnr_db(exact, run(emit_qdq(mended), X)) > sqnr_db(exact, run(emit_qdq(wrong), X)) + 10


def _ranges(scheme: object) -> dict[str, tuple[float, float]]:
    return {name: (affine.low, affine.high) for name, affine in scheme.affines.items()}  # type: ignore[attr-defined]


def test_the_noise_of_each_layer_is_told_in_decibels() -> None:
    fine, rough = (layer_sqnr_db(scheme_of(networks.residual(), X, form), samples(X), 16) for form in ("u8s8", "u8s7"))
    assert list(fine) == ["r1", "c2", "r2", "p", "f", "g"]
    assert all(25 < value < 60 for value in fine.values())
    assert rough["r1"] < fine["r1"]


def test_scores_are_compared_before_softmax() -> None:
    assert before_softmax(OnnxGraph(networks.residual())) == "g"
    assert before_softmax(uneven()) == "y"


def test_the_best_method_is_the_one_with_the_least_noise() -> None:
    x = X.copy()
    x[0, 0, 0, 0] = 300.0
    graph = OnnxGraph(networks.residual())
    made = quantizer(graph, samples(x), QuantizeOptions(FORMS["u8s8"], "best"), None, 16, 1 << 28)
    assert made.method == max(made.noise_db, key=lambda method: made.noise_db[method])
    assert len(set(made.noise_db.values())) > 2


def test_a_layer_that_does_not_exist_cannot_be_kept() -> None:
    with pytest.raises(Exception, match="no layer nowhere"):
        options = QuantizeOptions(FORMS["u8s8"], keep_float=["nowhere"])
        quantizer(OnnxGraph(networks.residual()), samples(X), options, None, 16, 1 << 28)


def test_dead_channels_do_not_widen_the_range() -> None:
    graph = uneven()
    weights, bias = graph.constant("w1"), graph.constant("b1")
    assert weights is not None
    assert bias is not None
    weights[0], bias[0] = 1e-9, 0.5
    graph.store("w1", weights)
    graph.store("b1", bias)
    largest = float(np.abs(bias).max())
    equalize(graph)
    after = graph.to_model()
    stored = next(numpy_helper.to_array(t) for t in after.graph.initializer if t.name == "b1")
    assert np.abs(stored).max() <= largest * 60
