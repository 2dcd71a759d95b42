"""Tiny ONNX models and sample sets for the agent's tests: a linear classifier of four numbers into three classes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

CLASSES, FEATURES = 3, 4
INPUT_SHAPE: list[int | None] = [None, FEATURES]
WEIGHTS = np.random.default_rng(7).normal(size=(FEATURES, CLASSES)).astype(np.float32)


def samples(count: int = 200, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples and the class that the good model gives them."""
    x = np.random.default_rng(seed).normal(size=(count, FEATURES)).astype(np.float32)
    return x, (x @ WEIGHTS).argmax(axis=1).astype(np.int64)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def golden_set(count: int = 200) -> bytes:
    x, y = samples(count)
    return npz(x=x, y=y)


def linear_model(*, wrong: bool = False, note: str = "", features: int = FEATURES) -> bytes:
    """A good classifier, or one whose classes are mixed up; `note` makes files of equal models differ."""
    weights = np.resize(np.roll(WEIGHTS, 1, axis=1) if wrong else WEIGHTS, (features, CLASSES))
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return _model([node], [onnx.numpy_helper.from_array(weights, "w")], note, features)


def not_a_number_model() -> bytes:
    """Answers with 0 ÷ 0."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Sub", ["z", "z"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["y"]),
    ]
    return _model(nodes, [onnx.numpy_helper.from_array(WEIGHTS, "w")])


def external_data_model(location: str) -> bytes:
    """Its weights lie in another file."""
    weights = onnx.numpy_helper.from_array(WEIGHTS, "w")
    length = len(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return _model([helper.make_node("MatMul", ["x", "w"], ["y"])], [weights])


def crashing_model() -> bytes:
    """The lowest integer by -1, which onnxruntime divides while loading; on x86 that is a SIGFPE (seen up to 1.32)."""
    nodes = [
        helper.make_node("Div", ["lowest", "minus"], ["quotient"]),
        helper.make_node("Cast", ["quotient"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Add", ["z", "number"], ["y"]),
    ]
    numbers = {"lowest": np.array([-(2**63)], np.int64), "minus": np.array([-1], np.int64), "w": WEIGHTS}
    return _model(nodes, [onnx.numpy_helper.from_array(values, name) for name, values in numbers.items()])


def hungry_model() -> bytes:
    """A few bytes of file that ask for gigabytes of memory."""
    shape = onnx.numpy_helper.from_array(np.array([1, 1 << 30], np.int64), "shape")
    nodes = [
        helper.make_node("Expand", ["one", "shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Add", ["z", "sum"], ["y"]),
    ]
    one = onnx.numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    return _model(nodes, [onnx.numpy_helper.from_array(WEIGHTS, "w"), shape, one])


def _model(nodes: list[Any], weights: list[Any], note: str = "", features: int = FEATURES) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])],
        weights,
        doc_string=note,
    )
    return _serialize(graph)


def _serialize(graph: Any) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    data: bytes = model.SerializeToString()
    return data
