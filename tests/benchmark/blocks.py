"""What building blocks of networks cost beside each other in ONNX Runtime, on this machine's processor.

`python tests/benchmark/blocks.py --out resources/blocks/x86-vnni.json` measures every block at several sizes, one
thread, batch 1, float32, in turns, and writes the table that the architecture advisor cites. It takes some minutes;
nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parents[2]))

from edgeyard.optimize.block_table import MAX_BYTES
from edgeyard.optimize.host import host_facts

SIZES = ((16, 32), (32, 56), (64, 32), (64, 56), (128, 28), (256, 14), (512, 7))
"""Channels, and the side of the map."""
ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "HardSwish", "Sigmoid", "Tanh", "Elu", "Softplus", "Erf", "Swish")
WIDTHS = (28, 30, 31, 32, 48, 60, 62, 63, 64)
"""Channels on a map of 28 × 28."""
PRODUCTS = (512, 1024, 2048, 4096)
CHAIN = 4
"""Blocks in a row, so that the cost of calling counts little."""
ROUNDS, BURST = 25, 4


class Chain:
    """A model under construction: nodes one after the other, with random weights."""

    def __init__(self, shape: list[int]) -> None:
        self.shape = shape
        self.nodes: list[NodeProto] = []
        self.weights: list[Any] = []
        self.last = "x"
        self.input_shape = list(shape)
        self._rng = np.random.default_rng(1)

    def weight(self, *shape: int) -> str:
        values = self._rng.normal(size=shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))
        self.weights.append(numpy_helper.from_array(values, f"w{len(self.weights)}"))
        return str(self.weights[-1].name)

    def add(self, operator: str, *extra: str, **attributes: Any) -> None:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *extra], [name], **attributes))
        self.last = name

    def conv(self, channels: int, kernel: int, groups: int = 1, stride: int = 1, *, relu: bool = True) -> None:
        weight = self.weight(channels, self.shape[1] // groups, kernel, kernel)
        bias = self.weight(channels)
        pads = [kernel // 2] * 4
        self.add("Conv", weight, bias, pads=pads, group=groups, strides=[stride, stride])
        self.shape = [1, channels, -(-self.shape[2] // stride), -(-self.shape[3] // stride)]
        if relu:
            self.add("Relu")

    def dense(self, width: int) -> None:
        self.add("Gemm", self.weight(self.shape[1], width), self.weight(width))
        self.shape = [1, width]

    def model(self) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "block",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.input_shape)],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def convolution_blocks(channels: int, side: int) -> dict[str, ModelProto]:
    """Blocks that keep channels and size, and the same at half the resolution."""

    def chain(build: Callable[[Chain], None], size: int = side) -> ModelProto:
        made = Chain([1, channels, size, size])
        for _ in range(CHAIN):
            build(made)
        return made.model()

    def depthwise_separable(made: Chain) -> None:
        made.conv(channels, 3, channels)
        made.conv(channels, 1)

    def bottleneck(made: Chain) -> None:
        made.conv(channels // 4, 1)
        made.conv(channels // 4, 3)
        made.conv(channels, 1)

    def two_small(made: Chain) -> None:
        made.conv(channels, 3)
        made.conv(channels, 3)

    return {
        "conv3x3": chain(lambda made: made.conv(channels, 3)),
        "depthwise-separable": chain(depthwise_separable),
        "bottleneck": chain(bottleneck),
        "grouped-4": chain(lambda made: made.conv(channels, 3, 4)),
        "conv1x1": chain(lambda made: made.conv(channels, 1)),
        "conv5x5": chain(lambda made: made.conv(channels, 5)),
        "two-conv3x3": chain(two_small),
        "conv3x3-half-size": chain(lambda made: made.conv(channels, 3), max(1, side // 2)),
    }


def activation_blocks(channels: int, side: int) -> dict[str, ModelProto]:
    """One activation alone."""
    made = {}
    for name in ACTIVATIONS:
        chain = Chain([1, channels, side, side])
        for _ in range(CHAIN):
            if name == "Swish":
                before = chain.last
                chain.add("Sigmoid")
                chain.add("Mul", before)
            elif name == "Clip":
                chain.add("Clip", "low", "high")
            else:
                chain.add(name)
        if name == "Clip":
            chain.weights += [numpy_helper.from_array(np.float32(value), bound) for bound, value in LIMITS]
        made[name] = chain.model()
    return made


LIMITS = (("low", 0.0), ("high", 6.0))


def product_blocks(width: int) -> dict[str, ModelProto]:
    """A large product, and the same with a quarter of the rank."""
    full, low = Chain([1, width]), Chain([1, width])
    full.dense(width)
    low.dense(width // 4)
    low.dense(width)
    return {"gemm": full.model(), "gemm-low-rank": low.model()}


def head_blocks(channels: int, side: int) -> dict[str, ModelProto]:
    """From a map to 512 values: all of it at once, or its mean per channel."""
    flat, pooled = Chain([1, channels, side, side]), Chain([1, channels, side, side])
    flat.add("Flatten")
    flat.shape = [1, channels * side * side]
    flat.dense(512)
    pooled.add("GlobalAveragePool")
    pooled.add("Flatten")
    pooled.shape = [1, channels]
    pooled.dense(512)
    return {"flat-head": flat.model(), "pooled-head": pooled.model()}


def width_blocks() -> dict[str, ModelProto]:
    """The same convolution with channels that are, and are not, a multiple of what a vector holds."""
    made = {}
    for channels in WIDTHS:
        chain = Chain([1, channels, 28, 28])
        for _ in range(CHAIN):
            chain.conv(channels, 3)
        made[f"width-{channels}"] = chain.model()
    return made


def measure(models: dict[str, ModelProto], rounds: int) -> dict[str, float]:
    """Milliseconds of one block: the lower quartile over rounds in which every model runs in turn, since whatever else
    a machine does only ever adds time."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    sessions, inputs = {}, {}
    for name, model in models.items():
        data = model.SerializeToString()
        sessions[name] = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        shape = sessions[name].get_inputs()[0].shape
        inputs[name] = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    times: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 2):
        for name, session in sessions.items():
            session.run(None, {"x": inputs[name]})
            started = time.perf_counter()
            for _ in range(BURST):
                session.run(None, {"x": inputs[name]})
            if turn >= 2:
                times[name].append((time.perf_counter() - started) / BURST)
    chained = 1 if any(name.startswith(("gemm", "flat-head")) for name in models) else CHAIN
    return {name: statistics.quantiles(values, n=4)[0] * 1e3 / chained for name, values in times.items()}


def main() -> int:
    """Measure and write; prints the ratios to the plain convolution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def take(found: dict[str, float], channels: int, side: int) -> None:
        for name, milliseconds in found.items():
            rows.append({"block": name, "channels": channels, "side": side, "ms": round(milliseconds, 6)})

    for channels, side in SIZES:
        take(measure(convolution_blocks(channels, side), options.rounds), channels, side)
        take(measure(activation_blocks(channels, side), options.rounds), channels, side)
    for width in PRODUCTS:
        take(measure(product_blocks(width), options.rounds), width, 1)
    for channels, side in ((128, 7), (256, 7), (512, 7)):
        take(measure(head_blocks(channels, side), options.rounds), channels, side)
    take(measure(width_blocks(), options.rounds), 0, 28)
    import onnxruntime

    table = {
        "version": 1,
        "host": host_facts().sentence,
        "architecture": host_facts().architecture,
        "instructions": list(host_facts().instructions or ()),
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "precision": "fp32",
        "threads": 1,
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rows": rows,
    }
    text = json.dumps(table, ensure_ascii=False)
    text = text.replace('{"block"', '\n{"block"')
    assert len(text.encode()) < MAX_BYTES
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(f"{text}\n", encoding="utf-8")
    base = {
        (row["channels"], row["side"]): row["ms"] for row in rows if row["block"] in {"conv3x3", "gemm", "flat-head"}
    }
    print(
        json.dumps(
            [{**row, "ratio": round(base.get((row["channels"], row["side"]), 0) / row["ms"], 2)} for row in rows]
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
