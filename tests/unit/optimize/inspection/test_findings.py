"""What inspection finds to say about weights and graphs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.summary import Finding
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, save, tensor, value


def findings(model: onnx.ModelProto, folder: Path) -> dict[str, Finding]:
    summary = inspect_model(save(model, folder / "m.onnx"))
    assert summary.risks == tuple(found.text for found in summary.findings if found.severity != "info")
    return {found.code: found for found in summary.findings}


def changed(name: str, change: object) -> onnx.ModelProto:
    """The toy classifier with other weights."""
    model = toy_model.classifier()
    for stored in model.graph.initializer:
        if stored.name == name:
            values = numpy_helper.to_array(stored).copy()
            stored.CopyFrom(numpy_helper.from_array(change(values), name))  # type: ignore[operator]
    return model


def test_scores_without_softmax_are_worth_knowing_but_no_risk(tmp_path: Path) -> None:
    found = findings(toy_model.classifier(), tmp_path)
    assert list(found) == ["no-softmax"]
    model = toy_model.classifier()
    model.graph.node[-1].output[0] = "scores"
    model.graph.node.append(helper.make_node("Softmax", ["scores"], ["logits"]))
    assert findings(model, tmp_path) == {}


def test_channels_of_zeros_are_named(tmp_path: Path) -> None:
    def silence(values: np.ndarray) -> np.ndarray:
        values[2:5] = 0
        return values

    found = findings(changed("w2", silence), tmp_path)["dead-channels"]
    assert "3 output channels" in found.text
    assert found.layers == ("conv-2",)
    assert "dead-channels" not in findings(changed("w2", np.zeros_like), tmp_path)


def test_ranges_that_differ_widely_are_named(tmp_path: Path) -> None:
    def spread(values: np.ndarray) -> np.ndarray:
        values[1] *= 1000
        return values

    assert findings(changed("w1", spread), tmp_path)["wide-ranges"].layers == ("conv-1",)


def test_numbers_that_hardware_does_not_like_are_named(tmp_path: Path) -> None:
    huge = findings(changed("b3", lambda values: values + 1e6), tmp_path)
    assert "65504" in huge["huge-weights"].text
    tiny = model_of(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [value("x", ["N", 2000])],
        [value("y", ["N", 2000])],
        [tensor("w", np.full(2000, 1e-40, np.float32))],
    )
    assert "2,000 weights are too small" in findings(tiny, tmp_path)["subnormal-weights"].text
    double = model_of(
        [helper.make_node("Cast", ["x"], ["d"], to=11), helper.make_node("Mul", ["d", "w"], ["y"])],
        [value("x", ["N", 4])],
        [value("y", ["N", 4], 11)],
        [tensor("w", np.ones(4))],
    )
    assert "64-bit" in findings(double, tmp_path)["double-weights"].text


def normalized(training: bool, dropout: bool) -> onnx.ModelProto:
    weights = [tensor(name, np.ones(4, np.float32)) for name in ("s", "b", "m", "v")]
    weights += [tensor("w", np.ones((4, 3, 1, 1), np.float32)), tensor("spare", np.ones(40_000, np.float32))]
    mode = {"training_mode": 1} if training else {}
    outputs = ["n", "", ""] if training else ["n"]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv"),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], outputs, "norm", **mode),
        helper.make_node("GlobalAveragePool", ["n"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Dropout" if dropout else "Identity", ["f"], ["d"]),
        helper.make_node("Softmax", ["d"], ["y"]),
    ]
    if training:
        nodes[1].output[1], nodes[1].output[2] = "mean", "variance"
    return model_of(nodes, [value("x", ["N", 3, 4, 4])], [value("y", ["N", 4])], weights)


def test_what_training_left_over_is_named(tmp_path: Path) -> None:
    found = findings(normalized(training=False, dropout=True), tmp_path)
    assert set(found) == {"dropout", "unused-weights", "foldable-normalization"}
    assert "156 KiB" in found["unused-weights"].text
    found = findings(normalized(training=True, dropout=False), tmp_path)
    assert found["training-mode"].severity == "warning"
    assert "model.eval()" in found["training-mode"].text


def test_random_answers_and_outputs_that_are_no_scores_are_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["r"]),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    found = findings(model_of(nodes, [value("x", [1, 3, 4, 4])], [value("y", [1, 3, 4, 4])]), tmp_path)
    assert found["random"].severity == "warning"
    assert "1×3×4×4" in found["no-classifier"].text
    assert "one by one" in found["fixed-batch"].text
