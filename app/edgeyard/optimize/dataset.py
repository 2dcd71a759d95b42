"""Labelled samples, and how they are read from an NPZ file: no pickles, nothing unpacked before its size is known.

`data.load` reads folders and manifests into the same form.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import prepare, prepared_shape
from edgeyard.optimize.data.npy import SAVE_PLAINLY, read_npy
from edgeyard.optimize.summary import ModelSummary

DATASET_LIMIT_BYTES = 1 << 30
_MAX_MEMBERS = 64


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples, and labels where there are any.

    `x` holds raw samples as `preprocessing` expects them (uint8 N×H×W×C for images), `y` int64 class indices (N).
    """

    x: NDArray[Any]
    y: NDArray[np.int64] | None
    preprocessing: Preprocessing
    sha256: str
    title: str = "data set"
    notes: tuple[str, ...] = ()
    """What was left out or assumed while reading it, a sentence each."""

    def __len__(self) -> int:
        return len(self.x)

    @property
    def class_count(self) -> int:
        """How many classes it tells apart: those that are named, else up to the highest label; 0 without labels."""
        if self.y is None or not self.y.size:
            return 0
        return max(int(self.y.max()) + 1, len(self.preprocessing.classes))

    def batches(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Prepared samples in order, at most `size` at a time, so that only one batch is ever in memory."""
        for start in range(0, len(self.x), size):
            yield prepare(self.x[start : start + size], self.preprocessing)

    def first(self, count: int) -> Dataset:
        """The first `count` samples."""
        labels = None if self.y is None else self.y[:count]
        return replace(self, x=self.x[:count], y=labels)

    def after(self, count: int) -> Dataset:
        """All but the first `count` samples."""
        labels = None if self.y is None else self.y[count:]
        return replace(self, x=self.x[count:], y=labels)

    def take(self, positions: NDArray[np.int64], title: str) -> Dataset:
        """The samples at `positions`, in that order; its digest is of the whole and the positions."""
        digest = hashlib.sha256(self.sha256.encode() + np.ascontiguousarray(positions, "<i8").tobytes()).hexdigest()
        labels = None if self.y is None else self.y[positions]
        return replace(self, x=self.x[positions], y=labels, sha256=digest, title=title)


def load_dataset(
    path: Path,
    preprocessing: Preprocessing | None = None,
    limit_bytes: int = DATASET_LIMIT_BYTES,
    title: str = "data set",
) -> Dataset:
    """Read `x` and, if it is there, `y` from an NPZ file.

    Raises:
        UserError: no NPZ file, pickled content, more than `limit_bytes` when unpacked, or arrays that do not fit
            together; the words name `title`.
    """
    try:
        if not path.is_file():
            raise UserError(f"There is no {title} {path}.", "Choose an .npz file.")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            arrays = _read_arrays(file, title, limit_bytes)
    except OSError as error:
        raise UserError(
            f"The {title} {path.name} cannot be read ({error.strerror}).", "Check its permissions."
        ) from error
    if "x" not in arrays:
        raise UserError(f"The {title} {path.name} has no array x.", SAVE_PLAINLY)
    x, y = arrays["x"], arrays.get("y")
    check_samples(x, title)
    if y is not None:
        y = _checked_labels(y, len(x), title)
    return Dataset(x, y, preprocessing or Preprocessing(), sha256, title)


def check_dataset(dataset: Dataset, summary: ModelSummary) -> None:
    """Raise `UserError` unless the model can take these samples and knows these labels."""
    prepare(dataset.x[:1], dataset.preprocessing)
    given = prepared_shape(dataset.x.shape, dataset.preprocessing)[1:]
    wanted = summary.input.shape[1:]
    if len(given) != len(wanted) or any(want not in {None, size} for want, size in zip(wanted, given, strict=True)):
        raise UserError(
            f"The {dataset.title} gives the model samples of {_times(given)},"
            f" but its input {summary.input.name} takes {_times(wanted)}.",
            "Use data made for this model, or correct layout, colour or resize in its preprocessing.",
        )
    classes = summary.classes
    if dataset.y is not None and classes is not None and int(dataset.y.max()) >= classes:
        raise UserError(
            f"The {dataset.title} has the label {int(dataset.y.max())}, but the model tells {classes} classes apart"
            f" (0 to {classes - 1}).",
            "Use labels of this model's classes.",
        )
    named = len(dataset.preprocessing.classes)
    if named and classes is not None and named != classes:
        raise UserError(
            f"The preprocessing names {named} classes, but the model has {classes}.", "Name every class once, in order."
        )


def _read_arrays(file: IO[bytes], title: str, limit_bytes: int) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(members) > _MAX_MEMBERS or len(set(names)) != len(names):
                raise UserError(f"The {title} has too many or repeated parts.", SAVE_PLAINLY)
            wanted = [member for member in members if member.filename in {"x.npy", "y.npy"}]
            total = sum(member.file_size for member in wanted)
            if total > limit_bytes:
                raise UserError(
                    f"The {title} unpacks to {total >> 20} MiB; at most {limit_bytes >> 20} MiB are read.",
                    "Use fewer samples: a few thousand are enough.",
                )
            return {member.filename[0]: _read_array(archive, member, title) for member in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"The {title} is not an NPZ file, or it is damaged ({error}).", SAVE_PLAINLY) from error


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, title: str) -> NDArray[Any]:
    with archive.open(member) as stream:
        return read_npy(stream, member.file_size, member.filename, title)


def check_samples(x: NDArray[Any], title: str) -> None:
    """Raise `UserError` unless `x` holds numbers, all finite, N×… with at least one sample."""
    if x.dtype.kind not in "biuf":
        raise UserError(f"The samples of the {title} are of the type {x.dtype}.", "Store them as uint8 or float32.")
    if x.ndim < 2 or not x.size:
        raise UserError(f"The {title} holds no samples (its x is {_times(x.shape)}).", "x is N×… with N samples.")
    if x.dtype.kind == "f" and not all(np.isfinite(x[start : start + 256]).all() for start in range(0, len(x), 256)):
        raise UserError(f"The {title} holds values that are no numbers (NaN or infinite).", "Remove those samples.")


def _checked_labels(y: NDArray[Any], samples: int, title: str) -> NDArray[np.int64]:
    if y.dtype.kind not in "iu" or y.shape != (samples,):
        raise UserError(
            f"The labels of the {title} are {y.dtype} of {_times(y.shape)} for {samples} samples.",
            "y holds one whole number per sample: the class, counted from 0.",
        )
    if int(y.min()) < 0 or int(y.max()) > np.iinfo(np.int64).max:
        raise UserError(f"The {title} has labels below 0.", "Count classes from 0.")
    return y.astype(np.int64)


def _times(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if size is None else str(size) for size in shape) or "single numbers"
