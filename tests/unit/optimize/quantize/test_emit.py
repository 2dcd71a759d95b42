"""Both ways to write a scheme say the same, and nearly what the float model says."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from edgeyard.optimize.quantize.emit_integer import emit_integer, integer_operators
from edgeyard.optimize.quantize.emit_qdq import emit_qdq
from tests.unit.optimize.quantize import networks
from tests.unit.optimize.quantize.networks import noise, run, scheme_of, sqnr_db

X = noise(32, 3, 8, 8)
X_LAST = noise(32, 8, 8, 3)


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("emit", [emit_qdq, emit_integer])
@pytest.mark.parametrize("form", ["u8s8", "u8s7", "s8s8"])
def test_a_residual_network_stays_what_it_was(emit: object, form: str) -> None:
    model = networks.residual()
    quantized = emit(scheme_of(model, X, form))  # type: ignore[operator]
    onnx.checker.check_model(quantized, full_check=True)
    assert sqnr_db(run(model, X), run(quantized, X)) > 30
    assert quantized.graph.input == model.graph.input
    assert quantized.graph.output == model.graph.output


@pytest.mark.parametrize("emit", [emit_qdq, emit_integer])
def test_every_operator_has_an_integer_form(emit: object) -> None:
    model = networks.everything()
    quantized = emit(scheme_of(model, X_LAST))  # type: ignore[operator]
    onnx.checker.check_model(quantized, full_check=True)
    assert sqnr_db(run(model, X_LAST), run(quantized, X_LAST)) > 20


def test_both_forms_give_the_same_scores() -> None:
    for model, x in ((networks.residual(), X), (networks.everything(), X_LAST)):
        scheme = scheme_of(model, x)
        difference = np.abs(run(emit_qdq(scheme), x) - run(emit_integer(scheme), x)).max()
        # A value on the edge between two integers may fall to either side, once in a while.
        assert difference < 0.03 * np.abs(run(model, x)).max()


def test_nothing_is_left_in_floats_between_the_integer_operators() -> None:
    found = integer_operators(emit_integer(scheme_of(networks.everything(), X_LAST)))
    assert found == {
        "MatMulIntegerToFloat": 1, "NhwcMaxPool": 1, "QGemm": 2, "QLinearAveragePool": 1, "QLinearConcat": 1,
        "QLinearConv": 4, "QLinearLeakyRelu": 1, "QLinearMul": 1, "QLinearSigmoid": 1,
    }  # fmt: skip
    assert operators(emit_integer(scheme_of(networks.residual(), X)))["Transpose"] == 1


def test_an_input_with_its_channels_last_is_not_transposed() -> None:
    model = emit_integer(scheme_of(networks.everything(), X_LAST))
    first = next(node for node in model.graph.node if node.op_type == "QLinearConv")
    maker = next(node for node in model.graph.node if first.input[0] in node.output)
    assert maker.op_type == "QuantizeLinear"
    assert maker.input[0] == "x"


def test_layers_that_are_to_stay_in_floats_do() -> None:
    model = networks.residual()
    for emit in (emit_qdq, emit_integer):
        quantized = emit(scheme_of(model, X, keep_float=("first", "head")))
        onnx.checker.check_model(quantized, full_check=True)
        counted = operators(quantized)
        assert counted["Conv"] == (2 if emit is emit_qdq else 1)
        assert counted["Gemm"] == 1
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
        assert stored["w1"].dtype == stored["w3"].dtype == np.float32
        assert "w2" not in stored
        assert sqnr_db(run(model, X), run(quantized, X)) > 30


def test_weights_have_a_scale_per_channel_and_the_bits_they_are_asked_for() -> None:
    for form, largest in (("u8s8", 127), ("u8s7", 64)):
        model = emit_qdq(scheme_of(networks.residual(), X, form))
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        weights = stored["r1_q_weight_integer"]
        assert weights.dtype == np.int8
        assert np.abs(weights.astype(int)).max() == largest
        assert stored["r1_q_weight_scale"].shape == (16,)
        assert stored["r1_q_bias_integer"].dtype == np.int32


def test_activations_of_16_bits_are_written_for_runtimes_that_have_them() -> None:
    model = networks.residual(opset=21)
    quantized = emit_qdq(scheme_of(model, X, "u16s8"))
    onnx.checker.check_model(quantized, full_check=True)
    types = {tensor.data_type for tensor in quantized.graph.initializer}
    assert TensorProto.UINT16 in types
    assert sqnr_db(run(model, X), run(quantized, X)) > 40


def test_a_tiny_channel_with_a_large_bias_keeps_its_bias() -> None:
    model = networks.residual()
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if tensor.name == "w1":
            values[0] *= 1e-12
        if tensor.name == "b1":
            values[0] = 5.0
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    quantized = emit_qdq(scheme_of(model, X))
    assert sqnr_db(run(model, X), run(quantized, X)) > 30


def test_names_that_the_model_has_already_are_not_taken() -> None:
    model = networks.residual()
    for old, new in (("w1", "r1_q_weight"), ("w2", "c2_q1_weight_integer"), ("b1", "r1_weight")):
        for node in model.graph.node:
            for slot, name in enumerate(node.input):
                if name == old:
                    node.input[slot] = new
        for tensor in model.graph.initializer:
            if tensor.name == old:
                tensor.name = new
    for emit in (emit_qdq, emit_integer):
        quantized = emit(scheme_of(model, X, keep_float=("first",)))
        onnx.checker.check_model(quantized, full_check=True)
        assert sqnr_db(run(model, X), run(quantized, X)) > 30
