"""One sweep over the data, in bounded memory."""

from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.calibrate import batch_for, calibrate
from tests.unit.optimize import toy_model

NCHW = Preprocessing("NCHW", 255.0, (0.5,), (0.25,))


@pytest.fixture
def graph() -> OnnxGraph:
    return OnnxGraph(toy_model.classifier())


def images(count: int) -> Dataset:
    return Dataset(toy_model.images(count), None, NCHW, "")


def test_histograms_are_of_all_samples_and_do_not_depend_on_the_batch(graph: OnnxGraph) -> None:
    few = calibrate(graph, ["image", "r1", "logits"], images(50), fixed_batch=7)
    many = calibrate(graph, ["image", "r1", "logits"], images(50), fixed_batch=50)
    assert few.samples == many.samples == 50
    for name in ("image", "r1", "logits"):
        assert few.histograms[name].total == many.histograms[name].total
        assert few.histograms[name].low == pytest.approx(many.histograms[name].low, rel=1e-5)
    assert (few.histograms["image"].counts == many.histograms["image"].counts).all()
    assert few.histograms["r1"].total == 50 * 8 * 8 * 8
    assert few.histograms["r1"].low == 0


def test_all_methods_come_from_one_sweep(graph: OnnxGraph) -> None:
    seen: list[float] = []
    calibration = calibrate(graph, ["r1", "r2"], images(40), tell=seen.append)
    assert seen[-1] == 1
    widest = calibration.ranges("minmax")
    for method in ("percentile", "entropy", "mse"):
        for name, (low, high) in calibration.ranges(method).items():
            assert widest[name][0] <= low <= high <= widest[name][1]


def test_batches_shrink_for_large_tensors(graph: OnnxGraph) -> None:
    assert batch_for(graph, ["r1"]) == 64
    wide = toy_model.classifier()
    wide.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1000
    wide.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 1000
    assert batch_for(OnnxGraph(wide), ["r1", "r2"]) == 1


def test_values_that_are_no_numbers_are_said_so_with_their_tensor(tmp_path: Path) -> None:
    model = toy_model.classifier()
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "b2")
    weights.CopyFrom(toy_model.tensor("b2", np.full(8, np.inf, np.float32)))
    with pytest.raises(UserError, match=r"tensor c2 .* no numbers"):
        calibrate(OnnxGraph(model), ["c2"], images(4))
