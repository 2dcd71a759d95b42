"""Small networks that hold every operator which can become integer arithmetic, and how to run them."""

from __future__ import annotations

import os

import numpy as np
import onnx
from onnx import helper

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.graph.onnx_graph import OnnxGraph
from edgeyard.optimize.quantize.calibrate import calibrate
from edgeyard.optimize.quantize.placement import place
from edgeyard.optimize.quantize.scheme import FORMS, Scheme, make_scheme, tensors_to_calibrate
from tests.unit.optimize.toy_model import model_of, tensor, value


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def samples(x: np.ndarray) -> Dataset:
    return Dataset(x, None, Preprocessing(), "")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def scheme_of(model: onnx.ModelProto, x: np.ndarray, form: str = "u8s8", keep_float: tuple[str, ...] = ()) -> Scheme:
    graph = OnnxGraph(model)
    placement = place(graph, keep_float)
    ranges = calibrate(graph, tensors_to_calibrate(placement.units), samples(x)).ranges("minmax")
    return make_scheme(graph, placement, ranges, FORMS[form])


def sqnr_db(real: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.square(real).sum() / max(np.square(real - other).sum(), 1e-20)))


class Stock:
    """Weights of a network under construction."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: list[onnx.TensorProto] = []

    def weights(self, name: str, *shape: int) -> str:
        scale = 1 / np.sqrt(max(1, np.prod(shape[1:])))
        return self.constant(name, (self.rng.normal(size=shape) * scale).astype(np.float32))

    def constant(self, name: str, values: np.ndarray) -> str:
        self.tensors.append(tensor(name, values))
        return name


def residual(channels: int = 16, opset: int = 17) -> onnx.ModelProto:
    """Two convolutions, an addition past the second, pooling, a product and Softmax; NCHW images of 8 × 8."""
    stock, node = Stock(), helper.make_node
    nodes = [
        node("Conv", ["x", stock.weights("w1", channels, 3, 3, 3), stock.weights("b1", channels)], ["c1"], "first",
             pads=[1] * 4),
        node("Relu", ["c1"], ["r1"], "relu-1"),
        node("Conv", ["r1", stock.weights("w2", channels, channels, 3, 3)], ["c2"], "second", pads=[1] * 4),
        node("Add", ["c2", "r1"], ["a"], "add"),
        node("Relu", ["a"], ["r2"], "relu-2"),
        node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        node("Flatten", ["p"], ["f"], "flatten"),
        node("Gemm", ["f", stock.weights("w3", 4, channels), stock.weights("b3", 4)], ["g"], "head", transB=1),
        node("Softmax", ["g"], ["y"], "softmax"),
    ]  # fmt: skip
    return model_of(nodes, [value("x", ["N", 3, 8, 8])], [value("y", ["N", 4])], stock.tensors, opset)


def everything() -> onnx.ModelProto:
    """Each operator that `unit` knows, once at least; the input has its channels last."""
    stock, node = Stock(), helper.make_node

    def ints(name: str, *values: int) -> str:
        return stock.constant(name, np.array(values, np.int64))

    nodes = [
        node("Transpose", ["x"], ["t"], "to-first", perm=[0, 3, 1, 2]),
        node("Conv", ["t", stock.weights("w1", 8, 3, 3, 3), stock.weights("b1", 8)], ["c1"], "c1", pads=[1] * 4),
        node("Clip", ["c1", stock.constant("lo", np.float32(0)), stock.constant("hi", np.float32(6))], ["r1"], "clip"),
        node("Conv", ["r1", stock.weights("w2", 8, 1, 3, 3)], ["c2"], "depthwise", pads=[1] * 4, group=8),
        node("LeakyRelu", ["c2"], ["l"], "leaky", alpha=0.1),
        node("MaxPool", ["l"], ["m"], "max", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["m", stock.weights("w3", 8, 8, 1, 1)], ["c3"], "c3"),
        node("Sigmoid", ["c3"], ["s"], "sigmoid"),
        node("Mul", ["c3", "s"], ["u"], "mul"),
        node("Concat", ["u", "m"], ["k"], "concat", axis=1),
        node("Slice", ["k", ints("st", 0), ints("en", 12), ints("ax", 1)], ["sl"], "slice"),
        node("Pad", ["sl", ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)], ["pd"], "pad"),
        node("Conv", ["pd", stock.weights("w4", 16, 12, 3, 3), stock.weights("b4", 16)], ["c4"], "c4"),
        node("Relu", ["c4"], ["r4"], "relu-4"),
        node("AveragePool", ["r4"], ["av"], "average", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", ["av", ints("sh", 0, 16, 4)], ["re"], "reshape"),
        node("Transpose", ["re"], ["tr"], "tokens", perm=[0, 2, 1]),
        node("MatMul", ["tr", stock.weights("w5", 16, 12)], ["mm"], "matmul"),
        node("Add", ["mm", stock.weights("b5", 12)], ["ma"], "matmul-bias"),
        node("Relu", ["ma"], ["mr"], "relu-5"),
        node("Flatten", ["mr"], ["fl"], "flatten"),
        node("Gemm", ["fl", stock.weights("w6", 48, 10), stock.weights("b6", 10)], ["g1"], "g1"),
        node("Relu", ["g1"], ["r6"], "relu-6"),
        node("Gemm", ["r6", stock.weights("w7", 5, 10)], ["y"], "g2", transB=1),
    ]
    return model_of(nodes, [value("x", ["N", 8, 8, 3])], [value("y", ["N", 5])], stock.tensors)
