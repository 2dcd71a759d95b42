"""Many files, one sample each, into one array: bounded before anything is decoded, damaged ones left out and named."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import resized
from edgeyard.optimize.data import image
from edgeyard.optimize.data.image import ImageError
from edgeyard.optimize.data.npy import read_npy
from edgeyard.optimize.dataset import Dataset, check_samples

ARRAY_SUFFIX = ".npy"
MAX_FILES = 200_000
DAMAGED_SHARE = 0.05
"""More damaged files than this, and the set is refused: it is not what somebody meant to give."""
_THREADS = min(4, os.cpu_count() or 1)
_BATCH = 64
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample's file, and its class; `name` is how it is called in messages."""

    path: Path
    name: str
    label: int | None


def collect(
    entries: Sequence[Entry], root: Path, preprocessing: Preprocessing, limit_bytes: int, title: str
) -> Dataset:
    """Decode every entry below `root` into one data set, in their order.

    Images become uint8 H×W×C of the size that `preprocessing` declares; without one they must all have the same.

    Raises:
        UserError: too many or too large, images mixed with arrays, different shapes, or too many are damaged.
    """
    if not entries:
        raise UserError(f"The {title} {root.name} holds no JPEG, PNG or .npy files.", "Choose another folder.")
    if len(entries) > MAX_FILES:
        raise UserError(f"The {title} holds more than {MAX_FILES:,} files.", "Use fewer: a few thousand are enough.")
    if len({entry.path.suffix.lower() == ARRAY_SUFFIX for entry in entries}) > 1:
        raise UserError(f"The {title} mixes images with .npy files.", "Keep one kind.")
    top = root.resolve()
    samples = _decoded(entries, lambda entry: _read_sample(entry, top, preprocessing, title))
    x: NDArray[Any] | None = None
    kept: list[int] = []
    damaged: list[str] = []
    for index, sample in enumerate(samples):
        entry = entries[index]
        if isinstance(sample, str):
            damaged.append(f"{entry.name} ({sample})")
            _refuse_damaged(damaged, len(entries), title)
            continue
        if x is None:
            x = _room(len(entries), sample, limit_bytes, title)
        if sample.shape != x.shape[1:] or sample.dtype != x.dtype:
            raise _different(entry, sample, x, preprocessing, title)
        x[len(kept)] = sample
        kept.append(index)
    if x is None:
        raise _all_damaged(damaged, title)
    x = x[: len(kept)]
    labels = [entries[index].label for index in kept]
    y = None if any(label is None for label in labels) else np.array(labels, np.int64)
    check_samples(x, title)
    notes = () if not damaged else (_damaged_note(damaged, len(entries)),)
    return Dataset(x, y, preprocessing, _content_digest(x, y), title, notes)


def _decoded(entries: Sequence[Entry], read: Callable[[Entry], NDArray[Any] | str]) -> Iterator[NDArray[Any] | str]:
    """Samples in order, decoded in threads (Pillow lets go of the interpreter), a batch ahead at most."""
    remaining = iter(entries)
    with image.quiet(), ThreadPoolExecutor(_THREADS, "decode") as pool:
        while batch := list(islice(remaining, _BATCH)):
            yield from pool.map(read, batch)


def _read_sample(entry: Entry, top: Path, preprocessing: Preprocessing, title: str) -> NDArray[Any] | str:
    """The sample, or why there is none."""
    try:
        data = _read_inside(entry.path, top)
        if entry.path.suffix.lower() == ARRAY_SUFFIX:
            return read_npy(io.BytesIO(data), len(data), entry.name, title)
        # Grey is made by `prepare` from the stored RGB, so that a device's own RGB frames give the same.
        sample: NDArray[Any] = resized(image.decode_image(data)[None], preprocessing.resize)[0]
        return sample
    except ImageError as error:
        return str(error)
    except OSError as error:
        return error.strerror or "it cannot be read"
    except UserError as error:
        if entry.path.suffix.lower() == ARRAY_SUFFIX:
            return error.what
        raise


def _read_inside(path: Path, top: Path) -> bytes:
    """The bytes of a regular file that lies below `top` once every link is followed; `ImageError` otherwise."""
    real = path.resolve()
    if not real.is_relative_to(top):
        raise ImageError("it is a link to somewhere outside")
    # Non-blocking, so that a pipe that somebody put there does not wait for a writer.
    handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ImageError("it is no regular file")
        if facts.st_size > image.MAX_FILE_BYTES:
            raise ImageError(f"it is larger than {image.MAX_FILE_BYTES >> 20} MiB")
        return file.read(facts.st_size)


def _room(count: int, sample: NDArray[Any], limit_bytes: int, title: str) -> NDArray[Any]:
    total = count * max(1, sample.nbytes)
    if total > limit_bytes:
        raise UserError(
            f"The {title} would take {total >> 20} MiB of memory ({count:,} samples of {_times(sample.shape)});"
            f" at most {limit_bytes >> 20} MiB are read.",
            "Use fewer samples (a few thousand are enough), or declare a smaller resize.",
        )
    return np.empty((count, *sample.shape), sample.dtype)


def _different(
    entry: Entry, sample: NDArray[Any], x: NDArray[Any], preprocessing: Preprocessing, title: str
) -> UserError:
    todo = "Make them all alike."
    if entry.path.suffix.lower() != ARRAY_SUFFIX and preprocessing.resize is None:
        todo = 'Declare the size in preprocessing.json: "resize": {"height": …, "width": …, "mode": "bilinear"}.'
    return UserError(
        f"The samples of the {title} differ: {entry.name} is {sample.dtype} {_times(sample.shape)}, those before it"
        f" {x.dtype} {_times(x.shape[1:])}.",
        todo,
    )


def _refuse_damaged(damaged: Sequence[str], count: int, title: str) -> None:
    if len(damaged) > max(1, DAMAGED_SHARE * count):
        raise _all_damaged(damaged, title, f"more than {DAMAGED_SHARE:.0%} of {count:,}")


def _all_damaged(damaged: Sequence[str], title: str, how_many: str = "all") -> UserError:
    return UserError(
        f"Files of the {title} cannot be used ({how_many}): {', '.join(damaged[:_NAMED])}.",
        "Remove or replace them.",
    )


def _damaged_note(damaged: Sequence[str], count: int) -> str:
    more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
    return f"{len(damaged)} of {count:,} files cannot be used and were left out: {', '.join(damaged[:_NAMED])}{more}."


def _content_digest(x: NDArray[Any], y: NDArray[np.int64] | None) -> str:
    digest = hashlib.sha256(f"{x.dtype.str} {x.shape} {y is not None}".encode())
    rows = max(1, (1 << 24) // max(1, prod(x.shape[1:]) * x.itemsize))
    for start in range(0, len(x), rows):
        digest.update(np.ascontiguousarray(x[start : start + rows]).tobytes())
    if y is not None:
        digest.update(y.astype("<i8").tobytes())
    return digest.hexdigest()


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"
