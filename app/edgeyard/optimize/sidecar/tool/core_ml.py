"""ONNX → Core ML (.mlpackage) through coremltools' builder of ML programs. Runs in the sidecar `coreml`.

coremltools reads PyTorch and TensorFlow, but no longer ONNX, so the operators of convolutional classifiers are built
here one by one. The model comes at batch 1 with constants folded. The package is a folder; it leaves as one ZIP.
Settings: `precision` (fp32 or fp16), `int8_weights`, `target` (an operating system, as `iOS16`).
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

import coremltools
import numpy as np
import onnx
from coremltools.converters.mil import Builder as mb  # noqa: N813 - as its documentation has it
from coremltools.proto.Model_pb2 import Model
from onnx import NodeProto, helper, numpy_helper

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task

_EPOCH = (1980, 1, 1, 0, 0, 0)


def convert(task: Task) -> Outcome:
    """Serve a request."""
    model = onnx.load(task.inputs["model"])
    task.tell(0.2, "Building the Core ML program.")
    precision = {"fp32": coremltools.precision.FLOAT32, "fp16": coremltools.precision.FLOAT16}
    target = getattr(coremltools.target, task.settings["target"])
    package = coremltools.convert(
        _program(model, target),
        convert_to="mlprogram",
        compute_precision=precision[task.settings["precision"]],
        minimum_deployment_target=target,
        skip_model_load=True,
    )
    if task.settings["int8_weights"]:
        from coremltools.optimize import coreml

        how = coreml.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=64)
        package = coreml.linear_quantize_weights(package, coreml.OptimizationConfig(global_config=how))
    task.tell(0.8, "Writing the package.")
    folder = task.folder / "model.mlpackage"
    shutil.rmtree(folder, ignore_errors=True)
    package.save(str(folder))
    _pack(folder, task.output)
    return Outcome(
        notes=["Written, but not run: Core ML runs on Apple's systems only."], packages=("coremltools", "onnx")
    )


def _program(model: Any, target: Any) -> Any:
    graph = model.graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    entry = next(value for value in graph.input if value.name not in arrays)
    shape = tuple(size.dim_value for size in entry.type.tensor_type.shape.dim)
    name = re.sub(r"\W", "_", entry.name)

    def build(**inputs: Any) -> Any:
        values: dict[str, Any] = {**arrays, entry.name: inputs[name]}
        for node in graph.node:
            maker = _MAKERS.get(node.op_type)
            if maker is None:
                raise RefusedError(f"The Core ML converter has no {node.op_type}.", "Leave the Core ML step out.")
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            given = [values[name] if name else None for name in node.input]
            values[node.output[0]] = maker(node, attributes, *given)
        return mb.identity(x=values[graph.output[0].name], name=re.sub(r"\W", "_", graph.output[0].name))

    # The builder names inputs after the function's parameters.
    source = f"lambda {name}: build({name}={name})"
    function = eval(source, {"build": build})  # noqa: S307 - `name` holds only letters, digits and _
    specification = mb.TensorSpec(shape=shape)
    return mb.program(input_specs=[specification], opset_version=target)(function)


def _window(attributes: dict[str, Any], rank: int) -> dict[str, Any]:
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    given = attributes.get("pads", [0] * (2 * rank))
    pads = [value for axis in range(rank) for value in (given[axis], given[axis + rank])]
    kind = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}.get(mode, "custom")
    return {"strides": attributes.get("strides", [1] * rank), "pad_type": kind, "pad": pads}


def _conv(node: NodeProto, attributes: dict[str, Any], x: Any, weight: Any, bias: Any = None) -> Any:
    rank = weight.ndim - 2
    return mb.conv(
        x=x,
        weight=weight,
        **({} if bias is None else {"bias": bias}),
        dilations=attributes.get("dilations", [1] * rank),
        groups=attributes.get("group", 1),
        **_window(attributes, rank),
    )


def _pool(node: NodeProto, attributes: dict[str, Any], x: Any) -> Any:
    kernel = list(attributes["kernel_shape"])
    window = {"kernel_sizes": kernel, **_window(attributes, len(kernel))}
    if node.op_type == "MaxPool":
        return mb.max_pool(x=x, **window)
    return mb.avg_pool(x=x, exclude_padding_from_average=not attributes.get("count_include_pad", 0), **window)


def _gemm(node: NodeProto, attributes: dict[str, Any], a: Any, b: Any, c: Any = None) -> Any:
    product = mb.matmul(
        x=a, y=b, transpose_x=bool(attributes.get("transA")), transpose_y=bool(attributes.get("transB"))
    )
    if attributes.get("alpha", 1.0) != 1.0:
        product = mb.mul(x=product, y=np.float32(attributes["alpha"]))
    if c is None:
        return product
    return mb.add(x=product, y=c * np.float32(attributes.get("beta", 1.0)))


def _batch_normalization(node: NodeProto, attributes: dict[str, Any], x: Any, *parts: Any) -> Any:
    scale, bias, mean, variance = parts
    epsilon = np.float32(attributes.get("epsilon", 1e-5))
    return mb.batch_norm(x=x, mean=mean, variance=variance, gamma=scale, beta=bias, epsilon=epsilon)


def _reduce_mean(node: NodeProto, attributes: dict[str, Any], x: Any, axes: Any = None) -> Any:
    chosen = attributes.get("axes") if axes is None else [int(axis) for axis in axes]
    chosen = list(range(len(x.shape))) if chosen is None else list(chosen)
    return mb.reduce_mean(x=x, axes=chosen, keep_dims=bool(attributes.get("keepdims", 1)))


def _reshape(node: NodeProto, attributes: dict[str, Any], x: Any, shape: Any) -> Any:
    wanted = [int(x.shape[i]) if size == 0 else int(size) for i, size in enumerate(shape)]
    return mb.reshape(x=x, shape=wanted)


def _flatten(node: NodeProto, attributes: dict[str, Any], x: Any) -> Any:
    axis = attributes.get("axis", 1)
    return mb.reshape(x=x, shape=[int(np.prod(x.shape[:axis])), -1])


def _squeeze(node: NodeProto, attributes: dict[str, Any], x: Any, axes: Any = None) -> Any:
    chosen = attributes.get("axes") if axes is None else [int(axis) for axis in axes]
    return mb.squeeze(x=x, **({} if chosen is None else {"axes": list(chosen)}))


def _pad(node: NodeProto, attributes: dict[str, Any], x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    mode = attributes.get("mode", b"constant").decode()
    if axes is not None or mode not in {"constant", "reflect", "edge"}:
        raise RefusedError(f"The Core ML converter has no Pad of the mode {mode}.")
    rank = len(pads) // 2
    order = [int(number) for axis in range(rank) for number in (pads[axis], pads[axis + rank])]
    kind = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}[mode]
    filling = np.float32(0 if value is None else value)
    return mb.pad(x=x, pad=order, mode=kind, constant_val=filling)


def _slice(node: NodeProto, attributes: dict[str, Any], x: Any, *parts: Any) -> Any:
    starts, ends = parts[0], parts[1]
    axes = parts[2] if len(parts) > 2 and parts[2] is not None else range(len(starts))
    steps = parts[3] if len(parts) > 3 and parts[3] is not None else [1] * len(starts)
    begin, end, stride = [0] * len(x.shape), [int(size) for size in x.shape], [1] * len(x.shape)
    for start, stop, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise RefusedError("The Core ML converter has no Slice that goes backwards.")
        indices = range(int(x.shape[int(axis)]))[slice(int(start), int(stop), int(step))]
        begin[int(axis)], end[int(axis)], stride[int(axis)] = indices.start, indices.stop, int(step)
    return mb.slice_by_index(x=x, begin=begin, end=end, stride=stride)


def _clip(node: NodeProto, attributes: dict[str, Any], x: Any, low: Any = None, high: Any = None) -> Any:
    bounds = (low if low is not None else attributes.get("min"), high if high is not None else attributes.get("max"))
    alpha, beta = (
        np.float32(-3e38 if bounds[0] is None else bounds[0]),
        np.float32(3e38 if bounds[1] is None else bounds[1]),
    )
    return mb.clip(x=x, alpha=alpha, beta=beta)


def _hard_sigmoid(node: NodeProto, attributes: dict[str, Any], x: Any) -> Any:
    alpha, beta = (
        (1 / 6, 0.5) if node.op_type == "HardSwish" else (attributes.get("alpha", 0.2), attributes.get("beta", 0.5))
    )
    gate = mb.sigmoid_hard(x=x, alpha=np.float32(alpha), beta=np.float32(beta))
    return mb.mul(x=x, y=gate) if node.op_type == "HardSwish" else gate


_MAKERS: dict[str, Any] = {
    "Add": lambda _n, _a, x, y: mb.add(x=x, y=y),
    "AveragePool": _pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": lambda _n, a, *xs: mb.concat(values=list(xs), axis=a["axis"]),
    "Conv": _conv,
    "Div": lambda _n, _a, x, y: mb.real_div(x=x, y=y),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _n, _a, x: mb.reduce_mean(x=x, axes=list(range(2, len(x.shape))), keep_dims=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_sigmoid,
    "Identity": lambda _n, _a, x: mb.identity(x=x),
    "LeakyRelu": lambda _n, a, x: mb.leaky_relu(x=x, alpha=np.float32(a.get("alpha", 0.01))),
    "MatMul": lambda _n, _a, x, y: mb.matmul(x=x, y=y),
    "MaxPool": _pool,
    "Mul": lambda _n, _a, x, y: mb.mul(x=x, y=y),
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": lambda _n, _a, x: mb.relu(x=x),
    "Reshape": _reshape,
    "Sigmoid": lambda _n, _a, x: mb.sigmoid(x=x),
    "Slice": _slice,
    "Softmax": lambda _n, a, x: mb.softmax(x=x, axis=a.get("axis", -1)),
    "Squeeze": _squeeze,
    "Sub": lambda _n, _a, x, y: mb.sub(x=x, y=y),
    "Tanh": lambda _n, _a, x: mb.tanh(x=x),
    "Transpose": lambda _n, a, x: mb.transpose(x=x, perm=list(a["perm"])),
}


def _pack(folder: Path, out: Path) -> None:
    """An uncompressed ZIP, the same for the same model: files and maps in order, random identifiers made regular."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), _EPOCH)
            member.external_attr = 0o600 << 16
            data = path.read_bytes()
            if path.name == "Manifest.json":
                data = _regular_manifest(data)
            elif path.suffix == ".mlmodel":
                data = Model.FromString(data).SerializeToString(deterministic=True)
            archive.writestr(member, data)


def _regular_manifest(data: bytes) -> bytes:
    """The package's list of files, each under an identifier made of its path instead of a random one."""
    manifest = json.loads(data)
    entries = manifest["itemInfoEntries"]
    regular = {old: str(uuid.uuid5(uuid.NAMESPACE_OID, entry["path"])).upper() for old, entry in entries.items()}
    manifest["itemInfoEntries"] = {regular[old]: entry for old, entry in entries.items()}
    manifest["rootModelIdentifier"] = regular[manifest["rootModelIdentifier"]]
    return json.dumps(manifest, indent=4, sort_keys=True).encode()
