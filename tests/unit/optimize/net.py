"""Small networks for tests of graph edits, written layer by layer, and samples for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from tests.unit.optimize.toy_model import model_of, tensor, value


class Net:
    """Collects nodes and weights; every method takes tensor names and gives the new one."""

    def __init__(self, seed: int = 0, channels: int = 3, side: int = 8, batch: str | int = "N") -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.input = value("image", [batch, channels, side, side])
        self.batch = batch

    def stored(self, values: Any, name: str = "") -> str:
        name = name or f"k{len(self.weights)}"
        self.weights.append(tensor(name, np.asarray(values)))
        return name

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def normal(self, *shape: int, scale: float | None = None) -> str:
        scale = scale or float(np.sqrt(2 / max(1, np.prod(shape[1:]))))
        return self.stored((self.rng.normal(size=shape) * scale).astype(np.float32))

    def conv(self, x: str, wide: int, out: int, kernel: int = 3, bias: bool = True, **attributes: Any) -> str:
        group = attributes.get("group", 1)
        pads = attributes.pop("pads", [kernel // 2] * 4)
        inputs = [x, self.normal(out, wide // group, kernel, kernel)]
        inputs += [self.normal(out, scale=0.3)] if bias else []
        return self.op("Conv", *inputs, pads=pads, **attributes)

    def conv_relu(self, x: str, wide: int, out: int, kernel: int = 3, **attributes: Any) -> str:
        return self.op("Relu", self.conv(x, wide, out, kernel, **attributes))

    def norm(self, x: str, wide: int) -> str:
        means = [self.stored(self.rng.normal(size=wide).astype(np.float32)) for _ in range(2)]
        scales = [self.stored((self.rng.random(wide) + 0.5).astype(np.float32)) for _ in range(2)]
        return self.op("BatchNormalization", x, scales[0], means[0], means[1], scales[1])

    def head(self, x: str, wide: int, classes: int = 4) -> str:
        flat = self.op("Flatten", self.op("GlobalAveragePool", x))
        return self.op("Gemm", flat, self.normal(classes, wide, scale=1.0), self.normal(classes, scale=0.3), transB=1)

    def model(self, output: str, shape: list[Any] | None = None, **keywords: Any) -> onnx.ModelProto:
        wanted = shape or [self.batch, 4]
        model = model_of(self.nodes, [self.input], [value(output, wanted)], self.weights, **keywords)
        onnx.checker.check_model(model, full_check=True)
        return model


def residual(seed: int = 0, wide: int = 8, inner: int = 12, batch: str | int = "N") -> onnx.ModelProto:
    """A stem, two residual blocks of which the inner channels can go, and a head."""
    net = Net(seed, batch=batch)
    x = net.conv_relu("image", 3, wide)
    for _ in range(2):
        branch = net.conv(net.conv_relu(x, wide, inner), inner, wide)
        x = net.op("Relu", net.op("Add", branch, x))
    return net.model(net.head(x, wide))


def separable(seed: int = 0) -> onnx.ModelProto:
    """Depthwise and pointwise convolutions between Transposes, as converted from TensorFlow Lite (N×H×W×C)."""
    net = Net(seed)
    net.input = value("image", ["N", 8, 8, 3])
    x = net.op("Transpose", "image", perm=[0, 3, 1, 2])
    x = net.conv_relu(x, 3, 16)
    for _ in range(2):
        x = net.conv_relu(x, 16, 16, group=16)
        x = net.conv_relu(x, 16, 16, kernel=1)
    pooled = net.op("AveragePool", x, kernel_shape=[8, 8])
    flat = net.op("Reshape", pooled, net.stored(np.array([-1, 16])))
    product = net.op("MatMul", flat, net.normal(16, 4, scale=1.0))
    return net.model(net.op("Softmax", net.op("Add", product, net.normal(4, scale=0.3))))


def samples(count: int = 48, shape: tuple[int, ...] = (3, 8, 8), seed: int = 5) -> Dataset:
    """Smooth random samples, as they go into the model."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, *shape)).astype(np.float32)
    y = rng.integers(0, 4, size=count)
    return Dataset((x + np.roll(x, 1, axis=-1)) / 1.4, y, Preprocessing(), "")


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """The first output, from onnxruntime, one thread."""
    from edgeyard.optimize.graph.replay import open_session

    session = open_session(model.SerializeToString(), 1)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def batch_of(data: Dataset) -> np.ndarray:
    return next(data.batches(len(data)))
