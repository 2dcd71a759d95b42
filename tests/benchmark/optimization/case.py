"""The models that are compared, and how the samples of the shared data become their input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CIFAR = "cifar10"
KWS = "kws"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Case:
    """One model. `x / scale`, normalized where `mean` is given, is its input; `side` is the height and width of its
    images. Without `labelled` the images are not of the model's own kind: only agreement with fp32 is known. `max_drop`
    is what ours may lose, in points: as much as a rival may to be counted as one, or less where an aim says so."""

    name: str
    file: str
    source: str
    layout: str = "NHWC"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    side: int = 32
    labelled: bool = True
    max_drop: float = 1.0

    def path(self, data: Path) -> Path:
        """The model's file in the data folder."""
        return data / "models" / self.file

    def prepare(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Raw samples (uint8 N×H×W×3, or int8 N×490 for keywords) as the model takes them."""
        if self.source == KWS:
            # README of the data: the features are int8; these figures undo their quantization.
            return ((x.astype(np.float32) - 83) * np.float32(0.5847029)).reshape(-1, 49, 10, 1)
        given: NDArray[Any] = x.astype(np.float32) / np.float32(self.scale)
        if self.mean:
            given = (given - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(given.transpose(0, 3, 1, 2) if self.layout == "NCHW" else given)


CASES = (
    Case("resnet20", "resnet20_cifar10.onnx", CIFAR, "NCHW", 255.0, IMAGENET_MEAN, IMAGENET_STD, max_drop=0.3),
    Case("ic", "mlperftiny_ic.onnx", CIFAR),
    Case("kws", "mlperftiny_kws_fp32.onnx", KWS, "RAW"),
    Case("vww", "mlperftiny_vww.onnx", CIFAR, scale=255.0, side=96, labelled=False),
)
