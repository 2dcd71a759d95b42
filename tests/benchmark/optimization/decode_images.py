"""Decode a draw of images from an archive of class folders (`train/<class>/NNNN.jpg`)."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def decode_images(archive: Path, per_class: int, seed: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images N×side×side×3 (RGB) and their labels: classes count from 0 in the order of their names.

    The draw alternates between the classes, so that its first n are a fair draw too. Images of another size are
    scaled (bilinear).
    """
    with tarfile.open(archive) as opened:
        files = {member.name: _content(opened, member) for member in opened if member.name.endswith(".jpg")}
    names: dict[str, list[str]] = {}
    for name in sorted(files):
        names.setdefault(name.split("/")[-2], []).append(name)
    drawn = [random.Random(seed).sample(names[kind], per_class) for kind in sorted(names)]
    chosen = [(name, label) for row in zip(*drawn, strict=True) for label, name in enumerate(row)]
    x = np.stack([_decode(files[name], side) for name, _ in chosen])
    return x, np.array([label for _, label in chosen], np.int64)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None, f"{member.name} is no file"
    return file.read()


def _decode(content: bytes, side: int) -> NDArray[Any]:
    from PIL import Image

    image = Image.open(io.BytesIO(content)).convert("RGB")
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)
