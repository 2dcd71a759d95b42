"""Well-known architectures, as the onnx package ships them for its own backend tests (weights made by ConstantOfShape).

Each is looked at in full: layers, memory, hardware, advice and a drawing. Their parameters are those published.
"""

from functools import cache
from pathlib import Path

import onnx
import pytest

from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.advise import advise
from edgeyard.optimize.fit import fit_profiles
from edgeyard.optimize.graph_layout import lay_out
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.summary import ModelSummary

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
PARAMETERS = {
    "bvlc_alexnet": 60_965_224, "densenet121": 8_146_152, "inception_v1": 6_998_552, "inception_v2": 11_234_792,
    "resnet50": 25_610_152, "shufflenet": 1_420_152, "squeezenet": 1_235_496, "vgg19": 143_667_240,
    "zfnet512": 87_250_536,
}  # fmt: skip
"""With the means and variances of their normalizations, which are stored too."""

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="this onnx package has no light models")
each_model = pytest.mark.parametrize("name", PARAMETERS)


@cache
def inspected(name: str) -> ModelSummary:
    return inspect_model(FOLDER / f"light_{name}.onnx")


def test_every_light_model_is_among_these() -> None:
    assert {path.stem.removeprefix("light_") for path in FOLDER.glob("*.onnx")} == set(PARAMETERS)


@each_model
def test_parameters_are_those_published_although_the_file_stores_none(name: str) -> None:
    summary = inspected(name)
    assert summary.parameters == PARAMETERS[name]
    # Sizes of shapes and paddings are weights too, but no parameters.
    assert summary.weight_bytes == pytest.approx(4 * PARAMETERS[name], rel=0.001)
    assert summary.size_bytes < PARAMETERS[name]


@each_model
def test_memory_is_counted_of_activations_only(name: str) -> None:
    summary = inspected(name)
    image_bytes = 4 * 3 * 224 * 224
    assert summary.largest_tensor_bytes >= image_bytes
    assert summary.largest_tensor_bytes <= summary.peak_activation_bytes < 60 * image_bytes
    assert summary.peak_activation_bytes == max(layer.live_bytes for layer in summary.layers)
    assert all(layer.live_bytes == 0 for layer in summary.layers if layer.constant)


@each_model
def test_hardware_that_cannot_run_it_says_why(name: str) -> None:
    for fit in fit_profiles(inspected(name), PROFILES.values()):
        assert fit.verdict in {"runs", "partly", "no"}
        assert bool(fit.obstacles) == (fit.verdict == "no")
        assert bool(fit.unsupported) or fit.verdict != "partly"
        assert all(milliseconds > 0 for milliseconds in fit.estimates.values())
    micro = next(fit for fit in fit_profiles(inspected(name), [PROFILES["mcu-m7"]]))
    assert "MiB" in micro.obstacles[0]
    cpu = next(fit for fit in fit_profiles(inspected(name), [PROFILES["pi5"]]))
    assert cpu.verdict == "runs"


@each_model
def test_something_is_advised_and_the_graph_is_drawn(name: str) -> None:
    summary = inspected(name)
    advisory = advise(summary)
    assert advisory.dominance.slowest
    assert advisory.advice
    for advice in advisory.advice:
        assert advice.model_ratio is None or advice.model_ratio >= 1
        assert 0 <= advice.time_share <= 1
        assert advice.source
    layout = lay_out(summary.layers)
    drawn = [layer for node in layout.nodes for layer in node.layers]
    assert sorted(drawn) == [index for index, layer in enumerate(summary.layers) if not layer.constant]


@each_model
def test_findings_are_about_real_things(name: str) -> None:
    codes = {finding.code for finding in inspected(name).findings}
    assert {"old-opset", "fixed-batch"} <= codes
    assert not codes & {"unknown-cost", "dead-channels", "wide-ranges", "quantized", "input-type"}


def test_operators_outside_a_runtime_are_named() -> None:
    hailo = next(fit for fit in fit_profiles(inspected("bvlc_alexnet"), [PROFILES["hailo8"]]))
    assert hailo.unsupported == {"LRN": 2}
    assert "lacks LRN (2)" in hailo.obstacles[0]
