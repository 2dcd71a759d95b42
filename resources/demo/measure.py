"""Measure the shipped models from their files: accuracy, digests, and what static int8 costs.

Usage::

    python measure.py [--data DIR [--cache FILE]] [--int8]

Prints one JSON object. With ``--data`` the whole test archive is measured too. With ``--int8`` each model is
also quantized (QDQ, per channel, calibrated on ``calibration.npz``) in a temporary folder and measured the
same way. Needs numpy, pillow, onnxruntime, and onnx for ``--int8``. The application never imports this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported

import numpy as np
import onnxruntime
from cifar import Images, load_cifar10, normalize
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
BATCH = 250


def accuracy(model: Path, images: Images) -> float:
    """Return the share of ``images`` which ``model`` classifies as labelled, on the CPU."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    hits = 0
    for start in range(0, len(images.y), BATCH):
        batch = images.take(np.arange(start, min(start + BATCH, len(images.y))))
        (logits,) = session.run(["logits"], {"image": normalize(batch.x)})
        hits += int((logits.argmax(axis=1) == batch.y).sum())
    return round(hits / len(images.y), 4)


def quantize(model: Path, calibration: Images, out: Path) -> None:
    """Write the static int8 QDQ form of ``model`` to ``out``: int8 weights per channel, int8 activations."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package ships no types
        """Feed the calibration images in batches."""

        def __init__(self) -> None:
            self.batches = iter(np.array_split(calibration.x, 10))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            x = next(self.batches, None)
            return None if x is None else {"image": normalize(x)}

    quantize_static(
        str(model),
        str(out),
        Reader(),
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )


def main() -> None:
    """Measure every model in this folder and print the result as JSON."""
    parser = argparse.ArgumentParser(description="Measure the demo models from their files.")
    cache = Path(tempfile.gettempdir()) / "edgeyard-cifar10.npz"
    parser.add_argument("--folder", type=Path, default=HERE, help="where models and sets lie")
    parser.add_argument("--data", type=Path, help="folder of the two CIFAR-10 archives")
    parser.add_argument("--cache", type=Path, default=cache, help="decoded images")
    parser.add_argument("--int8", action="store_true", help="also measure static int8")
    arguments = parser.parse_args()

    folder: Path = arguments.folder
    sets = {name: Images.load(folder / f"{name}.npz") for name in ("golden", "evaluation", "live")}
    if arguments.data:
        _, sets["test"] = load_cifar10(arguments.data, arguments.cache)
    models: dict[str, dict[str, object]] = {}
    for path in sorted(folder.glob("*.onnx")):
        entry: dict[str, object] = {name: accuracy(path, images) for name, images in sets.items()}
        if arguments.int8:
            with tempfile.TemporaryDirectory() as scratch:
                int8 = Path(scratch) / "int8.onnx"
                quantize(path, Images.load(folder / "calibration.npz"), int8)
                entry["int8"] = {name: accuracy(int8, images) for name, images in sets.items()}
                entry["int8_size_bytes"] = int8.stat().st_size
        models[path.name] = entry
    files = {
        path.name: {
            "size_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted([*folder.glob("*.onnx"), *folder.glob("*.npz")])
    }
    print(json.dumps({"models": models, "files": files}, indent=2))


if __name__ == "__main__":
    main()
