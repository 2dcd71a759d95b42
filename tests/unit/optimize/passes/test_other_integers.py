"""Dynamic int8 and 16-bit activations as steps."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeyard.domain.error import UserError
from edgeyard.optimize.passes.int8_dynamic import DynamicInt8
from edgeyard.optimize.passes.int16_static import StaticInt16
from edgeyard.optimize.step import Trait
from tests.unit.optimize.passes.step_given import given_for, run_pass
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import Stock, noise, run, samples, sqnr_db
from tests.unit.optimize.toy_model import model_of, value


def products() -> onnx.ModelProto:
    """Two products of the same rows of tokens, added, pooled, and a Gemm."""
    stock, node = Stock(), helper.make_node
    nodes = [
        node("MatMul", ["x", stock.weights("w1", 16, 24)], ["q"], "left"),
        node("MatMul", ["x", stock.weights("w2", 16, 24)], ["m"], "right"),
        node("Add", ["m", stock.weights("b2", 24)], ["k"]),
        node("Mul", ["q", "k"], ["p"]),
        node("ReduceMean", ["p"], ["r"], axes=[1], keepdims=0),
        node("Gemm", ["r", stock.weights("w3", 5, 24), stock.weights("b3", 5)], ["y"], "head", transB=1),
    ]
    return model_of(nodes, [value("x", ["N", 6, 16])], [value("y", ["N", 5])], stock.tensors)


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("reduce_range", [False, True])
def test_products_become_integer_at_run_time(tmp_path: Path, reduce_range: bool) -> None:
    model, x = products(), noise(4, 6, 16)
    quantized, done = run_pass(
        DynamicInt8(), given_for(model, None, tmp_path), tmp_path / "v.onnx", reduce_range=reduce_range
    )
    assert sqnr_db(run(model, x), run(quantized, x)) > (30 if reduce_range else 33)
    assert operators(quantized)["MatMulInteger"] == 3
    assert operators(quantized)["DynamicQuantizeLinear"] == 2, "products of one tensor share its integers"
    assert done.figures["quantized"] == ["left", "right", "head"]


def test_convolutions_only_when_asked_for(tmp_path: Path) -> None:
    model, x = networks.residual(), noise(4, 3, 8, 8)
    given = given_for(model, None, tmp_path)
    plain, _ = run_pass(DynamicInt8(), given, tmp_path / "v.onnx")
    assert operators(plain)["ConvInteger"] == 0
    both, _ = run_pass(DynamicInt8(), given, tmp_path / "v.onnx", convolutions=True)
    assert operators(both)["ConvInteger"] == 2
    assert sqnr_db(run(model, x), run(both, x)) > 30


def test_a_model_without_fixed_weights_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "t"], ["y"]),
    ]
    given = given_for(model_of(nodes, [value("x", ["N", 4, 3])], [value("y", ["N", 4, 4])]), None, tmp_path)
    with pytest.raises(UserError, match="constant weights"):
        DynamicInt8().run(DynamicInt8.settings_type(), given, tmp_path / "v.onnx")


@pytest.mark.parametrize(("form", "type_number"), [("u16s8", TensorProto.UINT16), ("s16s8", TensorProto.INT16)])
def test_16_bit_activations_are_closer_than_8_could_be(tmp_path: Path, form: str, type_number: int) -> None:
    model, x = networks.residual(opset=21), noise(40, 3, 8, 8)
    model.ir_version = 10
    given = given_for(model, samples(x), tmp_path)
    quantized, done = run_pass(StaticInt16(), given, tmp_path / "v.onnx", form=form)
    assert sqnr_db(run(model, x), run(quantized, x)) > 40
    assert type_number in {tensor.data_type for tensor in quantized.graph.initializer}
    assert [row["name"] for row in done.figures["layers"]][:2] == ["first", "second"]
    assert StaticInt16().trait(StaticInt16.settings_type(form=form), Trait()) == Trait("int16", form)


def test_16_bits_need_an_operator_set_that_has_them(tmp_path: Path) -> None:
    given = given_for(networks.residual(), samples(np.zeros((4, 3, 8, 8), np.float32)), tmp_path)
    assert "opset 21" in StaticInt16().obstacle(StaticInt16.settings_type(), given)
