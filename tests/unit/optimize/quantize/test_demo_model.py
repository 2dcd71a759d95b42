"""A real network, small enough for every test run: the demo's ResNet-8."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize.dataset import Dataset, load_dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes.int8_static import StaticInt8
from edgeyard.optimize.passes.mixed_precision import MixedPrecision
from edgeyard.optimize.quantize.calibrate import calibrate
from edgeyard.optimize.quantize.scheme import tensors_to_calibrate
from edgeyard.optimize.quantize.unit import find_units
from edgeyard.optimize.runtime.onnx_session import OnnxSession
from edgeyard.optimize.step import StepInput, Trait
from edgeyard.resource import resource_path

MODEL = "yard-vision-2.onnx"


def data(name: str) -> Dataset:
    preprocessing = read_preprocessing(resource_path("demo", "preprocessing.json").read_bytes())
    return load_dataset(resource_path("demo", f"{name}.npz"), preprocessing)


@pytest.fixture
def given(tmp_path: Path) -> StepInput:
    source = resource_path("demo", MODEL)
    return StepInput(source, inspect_model(source), Trait(), data("calibration"), tmp_path)


def answers(path: Path, dataset: Dataset) -> np.ndarray:
    return OnnxSession(path).scores(dataset).argmax(axis=1)


@pytest.mark.parametrize("layout", ["qdq", "qoperator"])
def test_int8_answers_as_the_original_does(given: StepInput, tmp_path: Path, layout: str) -> None:
    out = tmp_path / "int8.onnx"
    done = StaticInt8().run(StaticInt8.settings_type(layout=layout), given, out)
    evaluation = data("evaluation")
    before, after = answers(given.source, evaluation), answers(out, evaluation)
    assert (before == after).mean() >= 0.97
    assert (after == evaluation.y).mean() >= (before == evaluation.y).mean() - 0.01
    assert out.stat().st_size < given.source.stat().st_size / 2.5
    assert all(layer["sqnr_db"] > 20 for layer in done.figures["layers"])


def test_a_tenth_of_a_point_can_be_kept(given: StepInput, tmp_path: Path) -> None:
    out = tmp_path / "mixed.onnx"
    done = MixedPrecision().run(MixedPrecision.settings_type(max_drop=0.005, confidence=0.6), given, out)
    assert done.complete
    evaluation = data("evaluation")
    assert (answers(out, evaluation) == answers(given.source, evaluation)).mean() >= 0.97
    assert {layer["type"] for layer in done.figures["layers"]} <= {"int8", "fp32"}


def test_memory_of_calibration_does_not_grow_with_the_samples(given: StepInput) -> None:
    graph = OnnxGraph.read(given.source)
    tensors = tensors_to_calibrate(find_units(graph))
    few = data("calibration").first(64)
    many = Dataset(np.tile(few.x, (6, 1, 1, 1)), None, few.preprocessing, "")
    peaks = []
    for dataset in (few, few, many):
        tracemalloc.start()
        calibrate(graph, tensors, dataset)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
    assert peaks[2] < 100 << 20
