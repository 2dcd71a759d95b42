"""Small folders of pictures for tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

DECLARED = '{"layout": "NCHW", "scale": 255.0}'


def pixels(seed: int, height: int = 8, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def class_folders(root: Path, classes: tuple[str, ...] = ("cat", "dog", "emu"), count: int = 4) -> Path:
    """`count` different 8×8 PNG images per class, and a preprocessing file beside the classes."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(count):
            (root / name / f"{index:03}.png").write_bytes(png(pixels(number * 100 + index)))
    (root / "preprocessing.json").write_text(DECLARED)
    return root
