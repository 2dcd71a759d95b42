"""Where the preprocessing of a data set is declared: `preprocessing.json`, beside or in the data."""

from __future__ import annotations

from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize.summary import ModelSummary

FILE_NAME = "preprocessing.json"
_MAX_BYTES = 4 << 20
"""A hundred thousand class names."""


def read_preprocessing_file(path: Path) -> Preprocessing:
    """Read one; `UserError` when it is missing, too large, or `read_preprocessing` refuses it."""
    try:
        if not path.is_file():
            raise UserError(f"There is no preprocessing file {path}.", "Name the JSON file that declares it.")
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(f"{path.name} is over {_MAX_BYTES >> 20} MiB.", "Keep only the preprocessing in it.")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error
    return read_preprocessing(data)


def find_preprocessing(data: Path, summary: ModelSummary | None = None) -> Preprocessing | None:
    """What the model itself declares, else what lies in or beside `data`; `None` where neither says anything."""
    if summary is not None and summary.preprocessing is not None:
        return summary.preprocessing
    path = (data if data.is_dir() else data.parent) / FILE_NAME
    return read_preprocessing_file(path) if path.is_file() else None
