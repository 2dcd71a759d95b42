"""Tiny ONNX models for tests: one that works, and the bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 4
SIDE = 8


def tensor(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)


def value(name: str, shape: list[Any], element_type: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element_type, shape)


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto] | None = None,
    opset: int = 17,
    **keywords: Any,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "toy", inputs, outputs, weights or [])
    opsets = keywords.pop("opset_imports", [helper.make_opsetid("", opset)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **keywords)


def classifier(seed: int = 1, batch: str | int = "N", opset: int = 17) -> onnx.ModelProto:
    """Two convolutions and a Gemm: 8×8 RGB images into 4 classes; 844 parameters, 50,720 multiply-adds."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int, scale: float = 0.4) -> onnx.TensorProto:
        return tensor(name, (rng.normal(size=shape) * scale).astype(np.float32))

    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], "conv-1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu-1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv-2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], "relu-2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], "head", transB=1),
    ]
    stored = [weights("w1", 8, 3, 3, 3), weights("b1", 8), weights("w2", 8, 8, 3, 3), weights("b2", 8)]
    stored += [weights("w3", CLASSES, 8, scale=2.0), tensor("b3", np.zeros(CLASSES, np.float32))]
    return model_of(nodes, [value("image", [batch, 3, SIDE, SIDE])], [value("logits", [batch, CLASSES])], stored, opset)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def images(count: int, seed: int = 3) -> np.ndarray:
    """uint8 N×8×8×3, of four kinds that differ in colour and texture."""
    rng = np.random.default_rng(seed)
    kind = np.arange(count) % CLASSES
    base = np.array([[220, 30, 30], [30, 220, 30], [30, 30, 220], [128, 128, 128]])[kind]
    noise = rng.normal(0, 40, size=(count, SIDE, SIDE, 3))
    return np.clip(base[:, None, None, :] + noise, 0, 255).astype(np.uint8)


def save_set(path: Path, x: np.ndarray, y: np.ndarray | None = None) -> Path:
    np.savez_compressed(path, **({"x": x} if y is None else {"x": x, "y": y}))
    return path


def depth_to_space() -> onnx.ModelProto:
    """Block size 0: onnxruntime divides by it while loading (SIGFPE)."""
    node = helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=0)
    return model_of([node], [value("x", ["N", 4, 2, 2])], [value("y", ["N", "c", "h", "w"])])


def exploding_shape() -> onnx.ModelProto:
    """A few hundred bytes that ask for 2.5 GB per sample."""
    shape = tensor("shape", np.array([1, 25_000, 25_000], np.int64))
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["total"], keepdims=0),
        helper.make_node("Add", ["x", "total"], ["y"]),
    ]
    return model_of(nodes, [value("x", ["N", 4])], [value("y", ["N", 4])], [shape])


def external_data() -> onnx.ModelProto:
    model = classifier()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="weights.bin")
    return model


def nested_functions(depth: int, width: int = 2) -> onnx.ModelProto:
    """`width` to the power of `depth` operators out of a few lines."""
    functions = []
    for level in range(depth):
        callee = ("f", f"level{level - 1}") if level else ("", "Relu")
        nodes = [helper.make_node(callee[1], [f"v{i}"], [f"v{i + 1}"], domain=callee[0]) for i in range(width)]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
        functions.append(helper.make_function("f", f"level{level}", ["v0"], [f"v{width}"], nodes, opsets))
    node = helper.make_node(f"level{depth - 1}", ["x"], ["y"], domain="f")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return model_of([node], [value("x", ["N", 4])], [value("y", ["N", 4])], functions=functions, opset_imports=opsets)
