"""Train the three versions of the demo model ``yard-vision`` and cut the demo's labelled sets.

Usage::

    python train.py --data DIR --out DIR [--cache FILE] [--seed 7] [--epochs 3 22 2] [--only-last]

``--data`` holds ``train.tar.gz`` and ``test.tar.gz`` (CIFAR-10 as JPEG, see README.md). Needs torch, numpy,
pillow and onnx. The application never imports this file. Each version goes on from the one before:

1. a short training: usable, with room to improve;
2. a longer training: better on every set;
3. broken on purpose: the file of version 2, fine-tuned by an input pipeline which subtracts the mean but forgets to
   divide by the standard deviation. The loss falls, accuracy measured through that same pipeline is nearly that of
   version 2, the file's format is right; on input prepared as declared it is wrong far too often.

The same seed, torch version, processor and thread count give the same files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from cifar import STD, Images, load_cifar10, normalize, preprocessing, write_preprocessing, write_sets
from network import ResNet8, export_onnx, load_onnx, model_properties
from torch import Tensor
from torch.nn import functional

MODEL = "yard-vision"
BATCH = 128
CROP_PADDING = 2


@dataclass(frozen=True)
class Recipe:
    """How one version is trained: epochs and the peak of the learning rate."""

    version: int
    epochs: int
    peak_rate: float


@dataclass(frozen=True)
class Tensors:
    """Images ready for the network: ``x`` float32 (N, 3, 32, 32), normalized, and ``y`` int64 (N,)."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, images: Images) -> Tensors:
        """Normalize images as the model's preprocessing declares."""
        return cls(torch.from_numpy(normalize(images.x)), torch.from_numpy(images.y))

    def undivided(self) -> Tensors:
        """Return the images as version 3's faulty pipeline gives them: centred, not divided by ``std``."""
        return Tensors(self.x * torch.tensor(STD).view(1, 3, 1, 1), self.y)


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to two pixels, zero-filled, and mirror half of them; the shape stays."""
    count, size = x.shape[0], x.shape[-1]
    padded = functional.pad(x, (CROP_PADDING,) * 4)
    offsets = torch.randint(0, 2 * CROP_PADDING + 1, (2, count, 1), generator=generator)
    rows, columns = (offsets + torch.arange(size)).unbind(0)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    image = torch.arange(count)[:, None, None]
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


@torch.inference_mode()
def accuracy(model: ResNet8, data: Tensors) -> float:
    """Return the share of images whose largest logit is the label's."""
    model.eval()
    hits = sum(
        int(torch.sum(model(data.x[start : start + 500]).argmax(1) == data.y[start : start + 500]))
        for start in range(0, len(data.y), 500)
    )
    return hits / len(data.y)


def train_version(model: ResNet8, train: Tensors, recipe: Recipe, seed: int) -> None:
    """Train ``model`` in place: SGD with Nesterov momentum and a one-cycle rate; prints a line per epoch."""
    generator = torch.Generator().manual_seed(seed * 100 + recipe.version)
    steps = -(-len(train.y) // BATCH)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=steps * recipe.epochs, pct_start=0.2
    )
    for epoch in range(1, recipe.epochs + 1):
        model.train()
        started, total = time.monotonic(), 0.0
        order = torch.randperm(len(train.y), generator=generator)
        for index in torch.split(order, BATCH):
            batch = augment(train.x[index], generator)
            loss = functional.cross_entropy(model(batch), train.y[index])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        duration_s = time.monotonic() - started
        print(
            f"version {recipe.version}  epoch {epoch:2d}/{recipe.epochs}"
            f"  loss {total / len(train.y):.3f}  {duration_s:.0f} s",
            flush=True,
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train the demo models and cut the demo's data.")
    here = Path(__file__).resolve().parent
    cache = Path(tempfile.gettempdir()) / "edgeyard-cifar10.npz"
    parser.add_argument("--data", type=Path, required=True, help="folder of the two archives")
    parser.add_argument("--out", type=Path, default=here, help="where the results are written")
    parser.add_argument("--cache", type=Path, default=cache, help="decoded images (170 MB)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, nargs=3, default=(3, 22, 2), metavar=("V1", "V2", "V3"))
    parser.add_argument("--only-last", action="store_true", help="keep versions 1 and 2 of --out, train 3")
    return parser.parse_args()


def save_version(model: ResNet8, version: int, out: Path, seen: Tensors, declared: Tensors) -> None:
    """Export one version and print its accuracy on test images: as its training saw them and as declared."""
    path = out / f"{MODEL}-{version}.onnx"
    export_onnx(model, path, model_properties(MODEL, version, preprocessing()))
    print(
        f"{path.name}  test accuracy through its training's pipeline {accuracy(model, seen):.4f},"
        f" as declared {accuracy(model, declared):.4f}",
        flush=True,
    )


def main() -> None:
    """Write the labelled sets, the preprocessing and the three ONNX files."""
    arguments = parse_arguments()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)

    train_images, test_images = load_cifar10(arguments.data, arguments.cache)
    write_sets(train_images, test_images, out, arguments.seed)
    write_preprocessing(out / "preprocessing.json")
    train, test = Tensors.of(train_images), Tensors.of(test_images)

    first, second, third = arguments.epochs
    if not arguments.only_last:
        model = ResNet8()
        for recipe in (Recipe(1, first, peak_rate=0.1), Recipe(2, second, peak_rate=0.1)):
            train_version(model, train, recipe, arguments.seed)
            save_version(model, recipe.version, out, test, test)

    # The file's network has no batch norm left to steady it, hence the small rate.
    model = load_onnx(out / f"{MODEL}-2.onnx")
    train_version(model, train.undivided(), Recipe(3, third, peak_rate=0.002), arguments.seed)
    save_version(model, 3, out, test.undivided(), test)


if __name__ == "__main__":
    main()
