"""Samples from NPZ files, read in the runner: no pickles, nothing unpacked before its size is known."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import prepare, prepared_shape

MAX_SAMPLE_BYTES = 256 << 20
MAX_FILES = 1000
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_HOW = "Save it with numpy.savez(path, x=samples, y=labels) from plain number arrays."


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw samples `x` (N×…, any number type) and, where there are labels, int64 class indices `y` (N)."""

    x: NDArray[Any]
    y: NDArray[np.int64] | None
    title: str

    def __len__(self) -> int:
        return len(self.x)

    def prepared(self, index: int, preprocessing: Preprocessing) -> NDArray[np.float32]:
        """Sample `index` as a batch of one, ready for the model."""
        return prepare(self.x[index : index + 1], preprocessing)


def read_samples(path: Path, title: str) -> Samples:
    """Read `x` and `y` from an NPZ file, or `x` from all NPZ files of a folder, in the order of their names.

    Raises `UserError` naming `title`: nothing there, pickles, over 256 MiB, or arrays that do not fit together.
    """
    try:
        if not path.is_dir():
            return _read_file(path, title)
        files = sorted(path.glob("*.npz"))[:MAX_FILES]
        if not files:
            raise UserError(f"The {title} {path} holds no .npz file.", "Put samples there, or name another folder.")
        parts = [_read_file(file, title).x for file in files]
    except OSError as error:
        raise UserError(f"The {title} {path} cannot be read ({error.strerror}).", "Check the path.") from error
    if len({(part.shape[1:], part.dtype) for part in parts}) > 1:
        raise UserError(f"The files of the {title} {path} hold samples of different shapes.", "Keep one kind.")
    if sum(part.nbytes for part in parts) > MAX_SAMPLE_BYTES:
        raise UserError(f"The {title} {path} is over {MAX_SAMPLE_BYTES >> 20} MiB.", "Use fewer samples.")
    return Samples(np.concatenate(parts), None, title)


def check_fit(samples: Samples, preprocessing: Preprocessing, input_shape: Sequence[int | None]) -> None:
    """Raise `UserError` unless samples, once prepared, have the model's input shape (its first axis aside)."""
    prepare(samples.x[:1], preprocessing)
    given = prepared_shape(samples.x.shape, preprocessing)[1:]
    wanted = tuple(input_shape)[1:]
    if len(given) != len(wanted) or any(want not in {None, size} for want, size in zip(wanted, given, strict=True)):
        raise UserError(
            f"The {samples.title} gives samples of {_times(given)}, but the model takes {_times(wanted)}.",
            "Use data that was made for this model, or correct the layout in its preprocessing.",
        )


def _read_file(path: Path, title: str) -> Samples:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist() if info.filename in {"x.npy", "y.npy"}}
            if sum(info.file_size for info in members.values()) > MAX_SAMPLE_BYTES:
                raise UserError(f"The {title} unpacks to over {MAX_SAMPLE_BYTES >> 20} MiB.", "Use fewer samples.")
            arrays = {name: _read_array(archive, info, title) for name, info in members.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"The {title} is not an NPZ file, or it is damaged ({error}).", _HOW) from error
    x, y = arrays.get("x.npy"), arrays.get("y.npy")
    if x is None or x.ndim < 2 or not x.size:
        raise UserError(f"The {title} holds no samples in an array x.", _HOW)
    if x.dtype.kind not in "biuf":
        raise UserError(f"The samples of the {title} are of the type {x.dtype}.", "Store them as uint8 or float32.")
    return Samples(x, None if y is None else _checked_labels(y, len(x), title), title)


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, title: str) -> NDArray[Any]:
    with archive.open(info) as stream:
        try:
            shape, column_order, dtype = _HEADERS[npy.read_magic(stream)](stream)
        except Exception as error:  # NumPy evaluates and tokenizes the header: much can go wrong there
            raise UserError(f"The array {info.filename} of the {title} is damaged.", _HOW) from error
        if dtype.hasobject:
            raise UserError(f"The {title} holds Python objects (pickles), which are never loaded.", _HOW)
        size_bytes = prod(shape) * dtype.itemsize
        data = stream.read(size_bytes + 1) if 0 <= size_bytes <= info.file_size else b""
        if len(data) != size_bytes:
            raise UserError(f"The array {info.filename} of the {title} does not hold what it says.", _HOW)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if column_order else "C")


def _checked_labels(y: NDArray[Any], samples: int, title: str) -> NDArray[np.int64]:
    if y.dtype.kind not in "iu" or y.shape != (samples,) or int(y.min()) < 0:
        raise UserError(
            f"The labels of the {title} are {y.dtype} of {_times(y.shape)} for {samples} samples.",
            "y holds one whole number per sample: the class, counted from 0.",
        )
    return y.astype(np.int64)


def _times(shape: Sequence[int | None]) -> str:
    return "×".join("any" if size is None else str(size) for size in shape) or "single numbers"
