"""Graph clean-up as a step."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.clean_up import CleanUp
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import Stock, noise, run
from tests.unit.optimize.toy_model import model_of, value


def untidy() -> onnx.ModelProto:
    """A batch norm, an identity, weights that are computed from constants, and a MatMul with its bias."""
    stock = Stock()
    gamma = [
        stock.constant(name, np.abs(stock.rng.normal(size=4)).astype(np.float32) + 0.5)
        for name in ("bn1", "bn2", "bn3", "bn4")
    ]
    nodes = [
        helper.make_node("Transpose", [stock.weights("wt", 3, 4, 3, 3)], ["w"], perm=[1, 0, 2, 3]),
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("BatchNormalization", ["c", *gamma], ["n"], "norm"),
        helper.make_node("Identity", ["n"], ["i"]),
        helper.make_node("Relu", ["i"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", stock.weights("head", 4, 5)], ["m"], "head"),
        helper.make_node("Add", ["m", stock.weights("bias", 5)], ["y"]),
    ]
    model = model_of(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 5])], stock.tensors)
    model.metadata_props.add(key="edgeyard.preprocessing", value="{}")
    return model


def test_what_does_nothing_goes_and_the_answers_stay(tmp_path: Path) -> None:
    source, x = untidy(), noise(3, 3, 8, 8)
    model, done = run_pass(CleanUp(), given_for(source, None, tmp_path), tmp_path / "out.onnx")
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
    assert np.allclose(run(model, x), run(source, x), atol=1e-5)
    assert model.metadata_props[0].key == "edgeyard.preprocessing"
    assert done.figures == {"operators_before": 9, "operators_after": 5}


def test_a_tidy_model_is_not_offered_again(tmp_path: Path) -> None:
    given = given_for(networks.residual(), None, tmp_path)
    with pytest.raises(UserError, match="nothing to clean up"):
        CleanUp().run(CleanUp.settings_type(), given, tmp_path / "out.onnx")
