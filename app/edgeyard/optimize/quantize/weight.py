"""Weights as small integers, symmetric about zero, with one scale per output channel or one for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMITS = {8: 127, 7: 64}
"""Largest magnitude by bits. 7 bits are ±64, as in onnxruntime's `reduce_range`: two products of them and of a uint8
added by VPMADDUBSW stay under 2¹⁵."""
_SMALLEST_SCALE = 1e-10
_SHARES = np.linspace(0.6, 1.0, 41)
_BIAS_LIMIT = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class IntegerWeight:
    """`values` int8 in the stored shape, real = scale · value; `scales` along `axis`, or of one element for all."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    axis: int

    def real(self) -> NDArray[np.float32]:
        """What the integers stand for."""
        return self.values.astype(np.float32) * _along(self.scales, self.axis, self.values.ndim)


def quantize_weight(
    weight: NDArray[np.float32],
    axis: int,
    bits: int = 8,
    per_channel: bool = True,
    least_error: bool = False,
    smallest_scale: NDArray[np.float64] | float = 0.0,
) -> IntegerWeight:
    """Round `weight` to the nearest integers.

    Args:
        weight: any shape; output channels along `axis`.
        least_error: per channel, the scale of 41 between 0.6 and 1 × the one that holds the largest weight which gives
            the least squared error (R. Banner et al., NeurIPS 2019); else the largest weight decides.
        smallest_scale: scales are not below this; one value, or one per channel.
    """
    limit = LIMITS[bits]
    axis %= weight.ndim
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float64)
    if not per_channel:
        rows = rows.reshape(1, -1)
    largest = np.abs(rows).max(axis=1)
    scales = largest / limit
    if least_error:
        scales = scales * _SHARES[_errors(rows, scales, limit).argmin(axis=0)]
    floor = np.max(smallest_scale) if not per_channel else smallest_scale
    scales = np.maximum(scales, np.maximum(floor, _SMALLEST_SCALE)).astype(np.float32)
    values = np.clip(np.rint(weight / _along(scales, axis, weight.ndim)), -limit, limit).astype(np.int8)
    return IntegerWeight(values, scales, axis)


def quantize_bias(bias: NDArray[Any], scales: NDArray[np.floating]) -> NDArray[np.int32]:
    """Biases in the units of the products that they are added to: the input's scale times the weight's."""
    steps = np.rint(bias.astype(np.float64) / scales.astype(np.float64))
    return np.clip(steps, -_BIAS_LIMIT, _BIAS_LIMIT).astype(np.int32)


def scale_for_bias(bias: NDArray[Any] | None, input_scale: float) -> NDArray[np.float64] | float:
    """The smallest weight scales with which a bias fits into 31 bits: a channel of tiny weights may have a big one."""
    return 0.0 if bias is None else np.abs(bias.astype(np.float64)) / (input_scale * (_BIAS_LIMIT >> 1))


def _errors(rows: NDArray[np.float64], scales: NDArray[np.float64], limit: int) -> NDArray[np.float64]:
    safe = np.maximum(scales, _SMALLEST_SCALE)[:, None]
    errors = []
    for share in _SHARES:
        steps = np.clip(np.rint(rows / (safe * share)), -limit, limit)
        errors.append(np.square(steps * safe * share - rows).sum(axis=1))
    return np.stack(errors)


def _along(scales: NDArray[np.float32], axis: int, ndim: int) -> NDArray[np.float32]:
    return scales if scales.size == 1 else scales.reshape([-1 if index == axis else 1 for index in range(ndim)])
