"""The trainer's operators compute what onnxruntime computes; tried in its own environment, where that is made."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

import edgeyard
from edgeyard.optimize.sidecar.catalog import sidecar_obstacle
from edgeyard.optimize.sidecar.environment import find_environment
from tests.unit.optimize import toy_model
from tests.unit.optimize.toy_model import model_of, tensor, value

RNG = np.random.default_rng(1)
IMAGE = (2, 4, 7, 7)


def random(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def one(operator: str, *stored: np.ndarray | None, shape: tuple[int, ...] = IMAGE, **attributes: Any) -> Any:
    """A model of one node: its input, then the stored tensors (`None`: left out)."""
    names = ["" if array is None else f"s{i}" for i, array in enumerate(stored)]
    weights = [tensor(name, array) for name, array in zip(names, stored, strict=True) if array is not None]
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    free = ["N", *shape[1:]]
    return model_of([node], [value("x", free)], [value("y", None)], weights), shape  # type: ignore[arg-type]


CASES: dict[str, Any] = {
    "conv": one("Conv", random(6, 4, 3, 3), random(6), pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv-grouped": one("Conv", random(8, 2, 3, 3), None, group=2, dilations=[2, 2]),
    "conv-same-upper": one("Conv", random(6, 4, 4, 4), random(6), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv-same-lower": one("Conv", random(6, 4, 4, 4), random(6), auto_pad="SAME_LOWER"),
    "conv-uneven": one("Conv", random(6, 4, 3, 3), random(6), pads=[0, 1, 2, 0]),
    "conv-1d": one("Conv", random(6, 4, 3), random(6), shape=(2, 4, 9), pads=[1, 1]),
    "conv-transpose": one("ConvTranspose", random(4, 3, 3, 3), random(3), strides=[2, 2], pads=[1, 1, 1, 1]),
    "gemm": one("Gemm", random(5, 4), random(5), shape=(3, 4), transB=1, alpha=0.5, beta=2.0),
    "matmul": one("MatMul", random(4, 5), shape=(3, 4)),
    "batch-norm": one("BatchNormalization", random(4), random(4), random(4), random(4) ** 2 + 0.1, epsilon=1e-3),
    "average-pool": one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "average-pool-counting": one("AveragePool", kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1),
    "max-pool": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max-pool-same": one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
    "global-average": one("GlobalAveragePool"),
    "reduce-mean": one("ReduceMean", axes=[2, 3], keepdims=0),
    "pad-reflect": one("Pad", whole(0, 0, 1, 2, 0, 0, 2, 1), mode="reflect"),
    "pad-edge": one("Pad", whole(0, 0, 1, 2, 0, 0, 2, 1), mode="edge"),
    "pad-constant": one("Pad", whole(0, 1, 1, 0, 0, 2, 0, 1), np.array(1.5, np.float32)),
    "slice": one("Slice", whole(1, -1), whole(6, -8), whole(2, 3), whole(2, -2)),
    "reshape": one("Reshape", whole(0, -1, 7)),
    "transpose": one("Transpose", perm=[0, 2, 3, 1]),
    "flatten": one("Flatten", axis=2),
    "clip": one("Clip", np.array(-0.5, np.float32), np.array(0.7, np.float32)),
    "prelu": one("PRelu", random(4, 1, 1)),
    "leaky": one("LeakyRelu", alpha=0.3),
    "hard-sigmoid": one("HardSigmoid", alpha=0.25),
    "hard-swish": one("HardSwish"),
    "gather": one("Gather", whole(3, 0), axis=1),
    "squeeze": one("Squeeze", whole(3), shape=(2, 3, 5, 1)),
    "unsqueeze": one("Unsqueeze", whole(0, -1), shape=(2, 3)),
    "classifier": (toy_model.classifier(), (3, 3, 8, 8)),
}


def quantized(kind: int, dtype: Any) -> Any:
    """A quantized convolution: activations in `dtype`, weights in int8 per channel, biases in int32."""
    zero = np.array(100 if dtype == np.uint8 else -3, dtype)
    scales = np.array([0.01, 0.02, 0.005], np.float32)
    stored = [
        tensor("s", np.array(0.02, np.float32)), tensor("z", zero),
        tensor("w", RNG.integers(-127, 128, (3, 4, 3, 3)).astype(np.int8)), tensor("ws", scales),
        tensor("wz", np.zeros(3, np.int8)), tensor("b", RNG.integers(-500, 500, 3).astype(np.int32)),
        tensor("bs", scales * np.float32(0.02)), tensor("bz", np.zeros(3, np.int32)),
    ]  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["db"], axis=0),
        helper.make_node("Conv", ["d", "dw", "db"], ["y"]),
    ]
    assert kind in {TensorProto.UINT8, TensorProto.INT8}
    return model_of(nodes, [value("x", ["N", 4, 7, 7])], [value("y", ["N", 3, 5, 5])], stored), IMAGE


CASES["quantized-unsigned"] = quantized(TensorProto.UINT8, np.uint8)
CASES["quantized-signed"] = quantized(TensorProto.INT8, np.int8)


def reference(model: Any, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def test_the_trainer_computes_what_onnxruntime_computes_and_gives_weights_back_unchanged(tmp_path: Path) -> None:
    if sidecar_obstacle("torch"):
        pytest.skip(sidecar_obstacle("torch"))
    expected = {}
    for name, (model, shape) in CASES.items():
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
        x = random(*shape)
        expected[name] = reference(model, x)
        toy_model.save(model, tmp_path / f"{name}.onnx")
        np.save(tmp_path / f"{name}.npy", x)
    probe, package = Path(__file__).with_name("network_probe.py"), Path(edgeyard.__file__).parent
    command = [str(find_environment("torch")), "-P", "-s", str(probe), str(package), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name, wanted in expected.items():
        got = np.array(answers[name]["output"], np.float32)
        assert got.shape == wanted.shape, name
        assert np.allclose(got, wanted, atol=1e-4), (name, np.abs(got - wanted).max())
        assert (tmp_path / f"{name}.back").read_bytes() == CASES[name][0].SerializeToString(), name
    trained = {name: answer["trained"] for name, answer in answers.items() if answer["trained"]}
    assert trained == {
        **dict.fromkeys(("conv", "conv-same-upper", "conv-same-lower", "conv-uneven", "conv-1d", "conv-transpose"), 2),
        "conv-grouped": 1,
        "gemm": 2,
        "matmul": 1,
        "batch-norm": 2,
        "prelu": 1,
        "classifier": 6,
        "quantized-unsigned": 2,
        "quantized-signed": 2,
    }
