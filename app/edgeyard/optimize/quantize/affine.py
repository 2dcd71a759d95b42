"""The map between floats and integers: real = scale · (integer − zero point).

B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018, section 2.1; rounding and saturation as ONNX's QuantizeLinear defines them (half to even).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES: dict[str, type[np.integer[Any]]] = {
    "uint8": np.uint8,
    "int8": np.int8,
    "uint16": np.uint16,
    "int16": np.int16,
}
_SMALLEST_SCALE = 1e-12
"""A tensor that is always 0 needs some scale; smaller ones would be subnormal once multiplied with a weight's."""


@dataclass(frozen=True, slots=True)
class Affine:
    """How one tensor of activations is held in integers. `type` is a key of `TYPES`."""

    scale: float
    zero_point: int
    type: str

    @property
    def low(self) -> float:
        """The smallest real value that it holds."""
        return self.scale * (int(np.iinfo(TYPES[self.type]).min) - self.zero_point)

    @property
    def high(self) -> float:
        """The largest."""
        return self.scale * (int(np.iinfo(TYPES[self.type]).max) - self.zero_point)

    def quantize(self, real: NDArray[np.float32]) -> NDArray[Any]:
        """The integers nearest to `real`, those outside saturated."""
        limits = np.iinfo(TYPES[self.type])
        steps = np.rint(real / np.float32(self.scale)) + self.zero_point
        integers: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(TYPES[self.type])
        return integers

    def dequantize(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """What the integers stand for."""
        return (integers.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


def affine_of(low: float, high: float, type_name: str) -> Affine:
    """The affine that holds [`low`, `high`] with 0 exactly on an integer, so that padding and Relu are exact.

    The range is widened to hold 0. A range that needs no sign has its zero at the end of the type.
    """
    limits = np.iinfo(TYPES[type_name])
    low, high = min(0.0, float(low)), max(0.0, float(high))
    steps = int(limits.max) - int(limits.min)
    scale = float(np.float32(max((high - low) / steps, _SMALLEST_SCALE)))
    zero_point = round(int(limits.min) - low / scale)
    return Affine(scale, int(np.clip(zero_point, limits.min, limits.max)), type_name)
