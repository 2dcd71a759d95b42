"""Read the CIFAR-10 JPEG archives and cut the small labelled sets which the demo ships.

The archives hold ``<split>/<class>/NNNN.jpg``. Decoding takes a while, so the arrays are kept in one
uncompressed ``.npz`` cache, which belongs outside the repository. No file written here holds pickles.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SIZE = (32, 32)
# Per-channel statistics of the CIFAR-10 training images after division by 255, in RGB order.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)

# Images per class: 1,400 in all, below the 1,500 the project allows itself to ship.
TEST_SETS: Mapping[str, int] = {"golden": 30, "evaluation": 50, "live": 30}
TRAIN_SETS: Mapping[str, int] = {"calibration": 30}


@dataclass(frozen=True)
class Images:
    """Labelled images: ``x`` uint8 (N, 32, 32, 3) in RGB, 0 to 255, and ``y`` int64 (N,), 0 to 9."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]

    def take(self, index: NDArray[np.int64]) -> Images:
        """Return the images at ``index``, in that order."""
        return Images(self.x[index], self.y[index])

    def save(self, path: Path) -> None:
        """Write ``x`` and ``y`` to a compressed ``.npz``; equal arrays give equal bytes."""
        np.savez_compressed(path, x=self.x, y=self.y)

    @classmethod
    def load(cls, path: Path) -> Images:
        """Read a file written by :meth:`save`; pickled content is refused."""
        with np.load(path, allow_pickle=False) as archive:
            return cls(archive["x"], archive["y"])


def preprocessing() -> dict[str, object]:
    """Return the declared input contract: how a uint8 RGB image becomes the model's ``image``."""
    return {
        "layout": "NCHW",
        "scale": 255.0,
        "mean": list(MEAN),
        "std": list(STD),
        "color": "RGB",
        "size": list(SIZE),
        "classes": list(CLASSES),
    }


def write_preprocessing(path: Path) -> None:
    """Write :func:`preprocessing` as JSON."""
    path.write_text(json.dumps(preprocessing(), indent=2) + "\n", encoding="utf-8")


def normalize(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn uint8 (N, 32, 32, 3) into float32 (N, 3, 32, 32): ``(x / 255 - mean) / std``."""
    mean, std = np.asarray(MEAN, np.float32), np.asarray(STD, np.float32)
    scaled = (x.astype(np.float32) / np.float32(255.0) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)


def decode_archive(path: Path) -> Images:
    """Decode every JPEG of one archive, ordered by name so that the result is reproducible.

    Raises:
        ValueError: an image lies in an unknown class folder or is not 32 x 32.
    """
    pixels: dict[str, NDArray[np.uint8]] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            source = archive.extractfile(member) if member.name.endswith(".jpg") else None
            if source is None:
                continue
            with Image.open(io.BytesIO(source.read())) as image:
                if image.size != SIZE:
                    raise ValueError(f"{member.name} is {image.size}, expected {SIZE}")
                pixels[member.name] = np.asarray(image.convert("RGB"), dtype=np.uint8)
    names = sorted(pixels)
    labels = [CLASSES.index(name.split("/")[-2]) for name in names]
    return Images(np.stack([pixels[name] for name in names]), np.asarray(labels, dtype=np.int64))


def load_cifar10(data: Path, cache: Path) -> tuple[Images, Images]:
    """Return the training and the test images under ``data``, decoded once into ``cache``."""
    if not cache.exists():
        train = decode_archive(data / "train.tar.gz")
        test = decode_archive(data / "test.tar.gz")
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, train_x=train.x, train_y=train.y, test_x=test.x, test_y=test.y)
    with np.load(cache, allow_pickle=False) as arrays:
        return (
            Images(arrays["train_x"], arrays["train_y"]),
            Images(arrays["test_x"], arrays["test_y"]),
        )


def cut_sets(images: Images, per_class: Mapping[str, int], seed: int) -> dict[str, Images]:
    """Draw disjoint, class-balanced, shuffled sets: ``per_class[name]`` images of every class."""
    rng = np.random.default_rng(seed)
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in per_class}
    for label in range(len(CLASSES)):
        order = rng.permutation(np.flatnonzero(images.y == label))
        start = 0
        for name, count in per_class.items():
            chosen[name].append(order[start : start + count])
            start += count
    return {name: images.take(rng.permutation(np.concatenate(parts))) for name, parts in chosen.items()}


def write_sets(train: Images, test: Images, out: Path, seed: int) -> None:
    """Write ``golden``, ``evaluation``, ``live`` (test images) and ``calibration`` (training images)."""
    sets = cut_sets(test, TEST_SETS, seed) | cut_sets(train, TRAIN_SETS, seed)
    for name, images in sets.items():
        images.save(out / f"{name}.npz")
