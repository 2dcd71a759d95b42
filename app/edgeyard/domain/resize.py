"""Resizing images in NumPy, the same to the last bit on every machine.

Bilinear with a filter that widens when an image shrinks, so that every source pixel counts: what Pillow's
`Image.resize(size, BILINEAR)` does, and for uint8 in the same fixed-point arithmetic (libImaging's Resample.c: 22-bit
coefficients, rounded to 8 bits after each pass). One axis comes out as in Pillow to the bit; with both, newer releases
of Pillow choose which to do first, and then values may differ by one. Models trained with torchvision on PIL images see
what they saw in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_PRECISION_BITS = 22
_HALF = 1 << (_PRECISION_BITS - 1)
_SUPPORT = 1.0
"""Of the triangle filter, in pixels of the larger side."""


def resize_images(x: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Stretch N×H×W×C to N×`height`×`width`×C, of the same type for uint8 and floats; other integers become float32.

    `x` comes back as it is when it has that size.
    """
    if x.shape[1:3] == (height, width):
        return x
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        x = x.astype(np.float32)
    if x.shape[2] != width:
        x = _resampled(x, 2, width)
    if x.shape[1] != height:
        x = _resampled(x, 1, height)
    return x


def crop_centre(x: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The middle of N×H×W×C with the aspect of `height` × `width`, as large as fits."""
    have_height, have_width = x.shape[1:3]
    # Integer arithmetic: the same crop everywhere.
    crop_height = min(have_height, max(1, have_width * height // width))
    crop_width = min(have_width, max(1, have_height * width // height))
    top, left = (have_height - crop_height) // 2, (have_width - crop_width) // 2
    return x[:, top : top + crop_height, left : left + crop_width]


def _resampled(x: NDArray[Any], axis: int, size: int) -> NDArray[Any]:
    positions, weights = _filter(x.shape[axis], size)
    shape = [1] * x.ndim
    shape[axis] = size
    if x.dtype == np.uint8:
        fixed = np.floor(weights * (1 << _PRECISION_BITS) + 0.5).astype(np.int32)
        total = np.full((*x.shape[:axis], size, *x.shape[axis + 1 :]), _HALF, np.int32)
        for tap in range(positions.shape[1]):
            total += np.take(x, positions[:, tap], axis).astype(np.int32) * fixed[:, tap].reshape(shape)
        pixels: NDArray[Any] = np.clip(total >> _PRECISION_BITS, 0, 255).astype(np.uint8)
        return pixels
    result: NDArray[Any] = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    for tap in range(positions.shape[1]):
        result += np.take(x, positions[:, tap], axis) * weights[:, tap].astype(x.dtype).reshape(shape)
    return result


def _filter(have: int, want: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each output pixel the source positions and their weights (want × taps), which add up to 1."""
    scale = have / want
    filter_scale = max(scale, 1.0)
    support = _SUPPORT * filter_scale
    centres = (np.arange(want) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + support + 0.5).astype(np.int64), have)
    positions = first[:, None] + np.arange(int((last - first).max()))
    distance = np.abs((positions - centres[:, None] + 0.5) * (1.0 / filter_scale))
    weights = np.where(positions < last[:, None], np.maximum(0.0, 1.0 - distance), 0.0)
    # Added one by one, as the C loop does: another order would round differently.
    total = np.zeros(want)
    for tap in range(weights.shape[1]):
        total += weights[:, tap]
    return np.minimum(positions, have - 1), weights * (1.0 / total)[:, None]
