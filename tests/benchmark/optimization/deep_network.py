"""A network of the size of ResNet-56 for 32×32 images, with weights drawn at random.

K. He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2 (n = 9), batch norm folded in. What
memory a calibration takes depends on the activations' shapes, not on what the weights have learned.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

BLOCKS = 9
WIDTHS = (16, 32, 64)
CLASSES = 10


def write_deep_network(path: Path, blocks: int = BLOCKS) -> None:
    """Write it: input `input` N×3×32×32, output `logits` N×10; `blocks` in each of the three stages."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(1)
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, *shape: int) -> str:
        # He initialization, so that values neither fade nor explode on the way down.
        values = random.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(given: str, name: str, inputs: int, outputs: int, kernel: int, stride: int) -> str:
        names = [given, weight(f"{name}.weight", outputs, inputs, kernel, kernel), weight(f"{name}.bias", outputs)]
        sides = [kernel // 2] * 4
        nodes.append(
            helper.make_node("Conv", names, [name], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=sides)
        )
        return name

    def relu(given: str) -> str:
        nodes.append(helper.make_node("Relu", [given], [f"{given}.relu"]))
        return f"{given}.relu"

    x, channels = relu(conv("input", "stem", 3, WIDTHS[0], 3, 1)), WIDTHS[0]
    for stage, width in enumerate(WIDTHS):
        for block in range(blocks):
            name, stride = f"{stage}.{block}", 2 if stage and not block else 1
            first = relu(conv(x, f"{name}.first", channels, width, 3, stride))
            second = conv(first, f"{name}.second", width, width, 3, 1)
            shortcut = x if channels == width else conv(x, f"{name}.shortcut", channels, width, 1, stride)
            nodes.append(helper.make_node("Add", [second, shortcut], [f"{name}.sum"]))
            x, channels = relu(f"{name}.sum"), width
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"]))
    head = ["features", weight("head.weight", CLASSES, channels), weight("head.bias", CLASSES)]
    nodes.append(helper.make_node("Gemm", head, ["logits"], transB=1))
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
