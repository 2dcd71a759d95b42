"""The ONNX operators of convolutional classifiers in PyTorch, differentiable, QuantizeLinear included.

Each takes the node's attributes and its inputs (`None` where one is left out) and returns its output or outputs.
Semantics are those of the ONNX operator specification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Tensor = Any
Attributes = dict[str, Any]
Operator = Callable[..., Any]

_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64}


def _integers(tensor: Tensor) -> list[int]:
    return [int(value) for value in tensor.reshape(-1).tolist()]


def _pads(attributes: Attributes, x: Tensor, kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """Begin and end for each spatial axis; from `auto_pad` where that is set."""
    rank = len(kernel)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", ""}:
        return list(attributes.get("pads", [0] * (2 * rank)))
    if mode == "VALID":
        return [0] * (2 * rank)
    begins, ends = [], []
    for size, width, step, spread in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max(0, (-(-int(size) // step) - 1) * step + (width - 1) * spread + 1 - int(size))
        smaller = total // 2
        begins.append(smaller if mode == "SAME_UPPER" else total - smaller)
        ends.append(total - begins[-1])
    return begins + ends


def _padded(x: Tensor, pads: list[int], value: float = 0.0) -> Tensor:
    rank = len(pads) // 2
    if not any(pads):
        return x
    order: list[int] = []
    for axis in reversed(range(rank)):
        order += [pads[axis], pads[axis + rank]]
    return functional.pad(x, order, value=value)


def _spatial(attributes: Attributes, x: Tensor, kernel: list[int]) -> tuple[list[int], list[int], list[int]]:
    rank = len(kernel)
    strides = list(attributes.get("strides", [1] * rank))
    dilations = list(attributes.get("dilations", [1] * rank))
    return strides, dilations, _pads(attributes, x, kernel, strides, dilations)


def conv(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = list(weight.shape[2:])
    strides, dilations, pads = _spatial(attributes, x, kernel)
    function = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[len(kernel)]
    rank = len(kernel)
    groups = attributes.get("group", 1)
    if pads[:rank] == pads[rank:]:
        return function(x, weight, bias, strides, pads[:rank], dilations, groups)
    return function(_padded(x, pads), weight, bias, strides, 0, dilations, groups)


def conv_transpose(attributes: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = list(weight.shape[2:])
    strides, dilations, pads = _spatial(attributes, x, kernel)
    rank = len(kernel)
    if pads[:rank] != pads[rank:] or "output_shape" in attributes:
        raise NotImplementedError("ConvTranspose with uneven padding")
    function = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d}[rank]
    extra = attributes.get("output_padding", [0] * rank)
    return function(x, weight, bias, strides, pads[:rank], extra, attributes.get("group", 1), dilations)


def gemm(attributes: Attributes, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    left = a.t() if attributes.get("transA") else a
    right = b.t() if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (left @ right)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def batch_normalization(attributes: Attributes, x: Tensor, *parts: Tensor) -> Tensor:
    """By the stored statistics: what is trained here runs as it will be run."""
    scale, bias, mean, variance = parts
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


def pool(attributes: Attributes, x: Tensor, *, average: bool) -> Tensor:
    kernel = list(attributes["kernel_shape"])
    strides, dilations, pads = _spatial(attributes, x, kernel)
    if attributes.get("ceil_mode") or (average and any(size != 1 for size in dilations)):
        raise NotImplementedError("pooling with ceil_mode or spread kernels")
    if not average:
        if len(kernel) != 2:
            raise NotImplementedError("pooling over other than two axes")
        return functional.max_pool2d(_padded(x, pads, float("-inf")), kernel, strides, 0, dilations)
    total = functional.avg_pool2d(_padded(x, pads), kernel, strides)
    if not any(pads) or attributes.get("count_include_pad"):
        return total
    return total / functional.avg_pool2d(_padded(torch.ones_like(x[:1, :1]), pads), kernel, strides)


def _axes(attributes: Attributes, given: tuple[Tensor, ...]) -> list[int] | None:
    if given and given[0] is not None:
        return _integers(given[0])
    return list(attributes["axes"]) if "axes" in attributes else None


def reduce_mean(attributes: Attributes, x: Tensor, *axes: Tensor) -> Tensor:
    chosen = _axes(attributes, axes) or list(range(x.dim()))
    return x.mean(chosen, keepdim=bool(attributes.get("keepdims", 1)))


def reduce_sum(attributes: Attributes, x: Tensor, *axes: Tensor) -> Tensor:
    chosen = _axes(attributes, axes) or list(range(x.dim()))
    return x.sum(chosen, keepdim=bool(attributes.get("keepdims", 1)))


def reshape(attributes: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    wanted = _integers(shape)
    if not attributes.get("allowzero"):
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    return x.reshape(wanted)


def flatten(attributes: Attributes, x: Tensor) -> Tensor:
    axis = attributes.get("axis", 1)
    return x.flatten(axis) if axis == 1 else x.reshape(int(torch.tensor(x.shape[:axis]).prod()), -1)


def squeeze(attributes: Attributes, x: Tensor, *axes: Tensor) -> Tensor:
    chosen = _axes(attributes, axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def unsqueeze(attributes: Attributes, x: Tensor, *axes: Tensor) -> Tensor:
    chosen = _axes(attributes, axes) or []
    rank = x.dim() + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def slice_(attributes: Attributes, x: Tensor, *parts: Tensor) -> Tensor:
    if parts:
        starts, ends = _integers(parts[0]), _integers(parts[1])
        axes = _integers(parts[2]) if len(parts) > 2 and parts[2] is not None else list(range(len(starts)))
        steps = _integers(parts[3]) if len(parts) > 3 and parts[3] is not None else [1] * len(starts)
    else:
        starts, ends = list(attributes["starts"]), list(attributes["ends"])
        axes, steps = list(attributes.get("axes", range(len(starts)))), [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        indices = range(x.shape[axis])[slice(start, end if abs(end) < 1 << 60 else None, step)]
        if step > 0:
            span = [slice(None)] * x.dim()
            span[axis] = slice(indices.start, indices.stop, step)
            x = x[tuple(span)]
        else:
            x = x.index_select(axis, torch.tensor(list(indices)))
    return x


def pad(attributes: Attributes, x: Tensor, *parts: Tensor) -> Tensor:
    mode = attributes.get("mode", "constant")
    if len(parts) > 2 and parts[2] is not None:
        raise NotImplementedError("Pad with axes")
    pads = _integers(parts[0]) if parts else list(attributes["pads"])
    value = float(parts[1]) if len(parts) > 1 and parts[1] is not None else attributes.get("value", 0.0)
    if mode == "constant":
        return _padded(x, pads, value)
    rank = len(pads) // 2
    if any(pads[:2]) or any(pads[rank : rank + 2]):
        raise NotImplementedError(f"Pad ({mode}) over the batch or channels")
    order: list[int] = []
    for axis in reversed(range(2, rank)):
        order += [pads[axis], pads[axis + rank]]
    return functional.pad(x, order, mode={"reflect": "reflect", "edge": "replicate"}[mode])


def clip(attributes: Attributes, x: Tensor, *bounds: Tensor) -> Tensor:
    low = bounds[0] if bounds and bounds[0] is not None else attributes.get("min")
    high = bounds[1] if len(bounds) > 1 and bounds[1] is not None else attributes.get("max")
    return x.clamp(None if low is None else float(low), None if high is None else float(high))


def split(attributes: Attributes, x: Tensor, *parts: Tensor) -> Any:
    axis = attributes.get("axis", 0)
    sizes = _integers(parts[0]) if parts and parts[0] is not None else attributes.get("split")
    if sizes is None:
        count = attributes["outputs"]
        sizes = [x.shape[axis] // count] * count
    return x.split(list(sizes), axis)


def quantize(attributes: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """Whole numbers as float; rounding passes gradients straight through, and clipping stops them.

    Straight-through estimator: Bengio et al., arXiv:1308.3432; its use for quantized training: Jacob et al.,
    arXiv:1712.05877.
    """
    low, high = attributes["range"]
    steps = x / _along(scale, x, attributes) + (0 if zero is None else _along(zero, x, attributes))
    return (steps + (steps.round() - steps).detach()).clamp(low, high)


def dequantize(attributes: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    shift = 0 if zero is None else _along(zero, x, attributes)
    return (x - shift) * _along(scale, x, attributes)


def _along(parameter: Tensor, x: Tensor, attributes: Attributes) -> Tensor:
    if parameter.numel() == 1:
        return parameter.reshape(())
    shape = [1] * x.dim()
    shape[attributes.get("axis", 1)] = -1
    return parameter.reshape(shape)


def _hard_sigmoid(attributes: Attributes, x: Tensor) -> Tensor:
    return (attributes.get("alpha", 0.2) * x + attributes.get("beta", 0.5)).clamp(0, 1)


def _softmax(attributes: Attributes, x: Tensor) -> Tensor:
    return x.softmax(attributes.get("axis", -1))


OPERATORS: dict[str, Operator] = {
    "Add": lambda _a, x, y: x + y,
    "AveragePool": lambda a, x: pool(a, x, average=True),
    "BatchNormalization": batch_normalization,
    "Cast": lambda a, x: x.to(_TYPES[a["to"]]),
    "Clip": clip,
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DequantizeLinear": dequantize,
    "Div": lambda _a, x, y: x / y if x.is_floating_point() else x // y,
    "Dropout": lambda _a, x, *_: x,
    "Elu": lambda a, x: functional.elu(x, a.get("alpha", 1.0)),
    "Erf": lambda _a, x: torch.erf(x),
    "Exp": lambda _a, x: x.exp(),
    "Flatten": flatten,
    "Gather": lambda a, x, i: x.index_select(a.get("axis", 0), i.reshape(-1)).reshape(
        (*x.shape[: a.get("axis", 0)], *i.shape, *x.shape[a.get("axis", 0) % x.dim() + 1 :])
    ),
    "Gelu": lambda a, x: functional.gelu(x, approximate=a.get("approximate", "none")),
    "Gemm": gemm,
    "GlobalAveragePool": lambda _a, x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    "GlobalMaxPool": lambda _a, x: x.amax(tuple(range(2, x.dim())), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _a, x: functional.hardswish(x),
    "Identity": lambda _a, x: x,
    "LeakyRelu": lambda a, x: functional.leaky_relu(x, a.get("alpha", 0.01)),
    "LogSoftmax": lambda a, x: x.log_softmax(a.get("axis", -1)),
    "MatMul": lambda _a, x, y: x @ y,
    "MaxPool": lambda a, x: pool(a, x, average=False),
    "Mul": lambda _a, x, y: x * y,
    "PRelu": lambda _a, x, slope: torch.where(x >= 0, x, x * slope),
    "Pad": pad,
    "Pow": lambda _a, x, y: x**y,
    "QuantizeLinear": quantize,
    "ReduceMean": reduce_mean,
    "ReduceSum": reduce_sum,
    "Relu": lambda _a, x: functional.relu(x),
    "Reshape": reshape,
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0) : a.get("end")], dtype=torch.int64),
    "Sigmoid": lambda _a, x: x.sigmoid(),
    "Slice": slice_,
    "Softmax": _softmax,
    "Split": split,
    "Sqrt": lambda _a, x: x.sqrt(),
    "Squeeze": squeeze,
    "Sub": lambda _a, x, y: x - y,
    "Tanh": lambda _a, x: x.tanh(),
    "Transpose": lambda a, x: x.permute(a.get("perm", tuple(reversed(range(x.dim()))))),
    "Unsqueeze": unsqueeze,
}
