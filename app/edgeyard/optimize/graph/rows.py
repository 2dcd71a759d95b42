"""What a layer computes, as matrix products: rows of inputs times `matrix_of` gives rows of outputs.

An image gives a convolution one row per output position. There are far more of them than a fit needs and neighbours are
alike, so a few positions per image are drawn (He, Zhang, Sun, "Channel Pruning for Accelerating Very Deep Neural
Networks", ICCV 2017, take ten per image).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeyard.optimize.graph.layer import Layer
from edgeyard.optimize.graph.onnx_graph import attribute

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """How the kernel of a convolution over one or two axes moves; one axis is taken as two, the first of size 1."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""
    auto_pad: str
    axes: int

    @property
    def spread(self) -> tuple[int, int]:
        """What the kernel covers."""
        down, right = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        return down, right

    def places(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
        """The size of the output for an input of this size, and the border of zeros that it needs."""
        size = (height, width)
        if self.auto_pad in {"SAME_UPPER", "SAME_LOWER"}:
            found = [-(-n // stride) for n, stride in zip(size, self.strides, strict=True)]
            need = [
                max(0, (count - 1) * stride + spread - n)
                for n, count, stride, spread in zip(size, found, self.strides, self.spread, strict=True)
            ]
            less, more = [n // 2 for n in need], [n - n // 2 for n in need]
            first, last = (less, more) if self.auto_pad == "SAME_UPPER" else (more, less)
            return (found[0], found[1]), (first[0], first[1], last[0], last[1])
        pads = (0, 0, 0, 0) if self.auto_pad == "VALID" else self.pads
        rows, columns = (
            (n + before + after - spread) // stride + 1
            for n, before, after, spread, stride in zip(
                size, pads[:2], pads[2:], self.spread, self.strides, strict=True
            )
        )
        return (rows, columns), pads


def window_of(layer: Layer, kernel: tuple[int, ...]) -> Window | None:
    """The window of a Conv with a kernel of one or two axes; `None` for others."""
    axes = len(kernel)
    if layer.operator != "Conv" or axes not in {1, 2}:
        return None
    strides, dilations = (attribute(layer.node, name, [1] * axes) for name in ("strides", "dilations"))
    pads = attribute(layer.node, "pads", [0] * 2 * axes)
    if axes == 1:
        kernel, strides, dilations, pads = (1, *kernel), [1, *strides], [1, *dilations], [0, pads[0], 0, pads[1]]
    auto_pad = attribute(layer.node, "auto_pad", "NOTSET")
    return Window(tuple(kernel), tuple(strides), tuple(dilations), tuple(pads), auto_pad, axes)  # type: ignore[arg-type]


def conv_rows(
    x: Floats, y: Floats | None, window: Window, per_sample: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Input and output rows of a convolution at up to `per_sample` positions of each sample, drawn without repeats.

    Args:
        x: its input, N×C×H×W or N×C×L.
        y: its output, N×M×…, or `None` where only the input matters.

    Returns:
        Patches R×C×(K_h · K_w), and the outputs R×M at the same places.
    """
    if window.axes == 1:
        x, y = x[:, :, None], None if y is None else y[:, :, None]
    samples = len(x)
    (height, width), (top, left, bottom, right) = window.places(*x.shape[2:])
    chosen = _chosen(samples, height * width, per_sample, rng)
    # Channels last while picking: a position's channels then lie together (N × places × K_h × K_w × C).
    padded = np.zeros((samples, x.shape[2] + top + bottom, x.shape[3] + left + right, x.shape[1]), np.float32)
    padded[:, top : top + x.shape[2], left : left + x.shape[3]] = np.moveaxis(x, 1, -1)
    rows, columns = chosen // width, chosen % width
    down = rows[..., None] * window.strides[0] + np.arange(window.kernel[0]) * window.dilations[0]
    across = columns[..., None] * window.strides[1] + np.arange(window.kernel[1]) * window.dilations[1]
    patches = padded[np.arange(samples)[:, None, None, None], down[..., :, None], across[..., None, :]]
    patches = np.moveaxis(patches, -1, 2).reshape(chosen.size, x.shape[1], -1)
    if y is None:
        return patches, None
    outputs = y.reshape(samples, y.shape[1], -1)[np.arange(samples)[:, None], :, chosen]
    return patches, outputs.reshape(chosen.size, -1)


def product_rows(
    x: Floats, y: Floats | None, per_sample: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None]:
    """Rows of a Gemm or MatMul (the last axis is multiplied), up to `per_sample` per sample: R×features, R×outputs."""
    samples = len(x)
    x = x.reshape(samples, -1, x.shape[-1])
    chosen = _chosen(samples, x.shape[1], per_sample, rng)
    number = np.arange(samples)[:, None]
    rows = x[number, chosen].reshape(-1, x.shape[-1])
    if y is None:
        return rows, None
    return rows, y.reshape(samples, -1, y.shape[-1])[number, chosen].reshape(-1, y.shape[-1])


def _chosen(samples: int, places: int, per_sample: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of places, N×P; all of them, in order, when there are no more than `per_sample`."""
    if places <= per_sample:
        return np.broadcast_to(np.arange(places), (samples, places))
    return rng.random((samples, places)).argpartition(per_sample, axis=1)[:, :per_sample]
