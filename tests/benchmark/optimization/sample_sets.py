"""The sets that every tool gets, made once for a model: what tools may see, and what they are judged by.

Tools see samples of the training archive only: `calibration.npz` (no labels needed) and `validation.npz` (labelled),
together `pool.npz`. Judged is on `evaluation.npz`, images of the test archive. Keywords are one file of 1,000: tools
see 300 of them, and are judged by all, as the published figure is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmark.optimization.case import KWS, Case
from tests.benchmark.optimization.decode_images import decode_images

SEED = 1
CLASSES = 10
KWS_POOL = 300


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many samples of each set; the archives' are whole numbers for each of the ten classes."""

    calibration: int = 300
    validation: int = 2000
    evaluation: int = 5000
    unlabelled: int = 1000
    """Enlarged images are many bytes: so many for evaluation, and none for validation."""


QUICK = Sizes(calibration=200, validation=500, evaluation=1000, unlabelled=300)


def make_sets(case: Case, data: Path, sizes: Sizes, out: Path) -> None:
    """Write the four NPZ files into `out`, prepared as the model takes them."""
    out.mkdir(parents=True)
    if case.source == KWS:
        with np.load(data / "kws" / "kws01.npz") as file:
            x, y = case.prepare(file["x"]), file["y"].astype(np.int64)
        order = np.random.default_rng(SEED).permutation(len(x))[:KWS_POOL]
        half = KWS_POOL // 2
        _write(out, x[order], y[order], half)
        np.savez(out / "evaluation.npz", x=x, y=y)
        return
    pool = sizes.calibration + (sizes.validation if case.labelled else 0)
    x, y = _decode(case, data / "cifar10" / "train.tar.gz", pool)
    _write(out, x, y if case.labelled else None, sizes.calibration)
    wanted = sizes.evaluation if case.labelled else sizes.unlabelled
    x, y = _decode(case, data / "cifar10" / "test.tar.gz", wanted)
    np.savez(out / "evaluation.npz", x=x, y=y)


def more_images(case: Case, data: Path, count: int, out: Path) -> Path:
    """At least `count` training images, prepared, in one NPZ."""
    out.mkdir(parents=True, exist_ok=True)
    x, y = _decode(case, data / "cifar10" / "train.tar.gz", count + CLASSES)
    np.savez(out / "many.npz", x=x[:count], y=y[:count])
    return out / "many.npz"


def _write(out: Path, x: NDArray[np.float32], y: NDArray[np.int64] | None, calibration: int) -> None:
    np.savez(out / "calibration.npz", x=x[:calibration])
    if y is None:
        np.savez(out / "pool.npz", x=x)
        return
    np.savez(out / "pool.npz", x=x, y=y)
    np.savez(out / "validation.npz", x=x[calibration:], y=y[calibration:])


def _decode(case: Case, archive: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    x, y = decode_images(archive, count // CLASSES, SEED, case.side)
    return case.prepare(x), y
