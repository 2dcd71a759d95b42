"""What an import can be prefilled with: a name from the file, data that lies beside it. No Qt in here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.identifier import check_identifier, is_identifier

_NUMBER_AT_END = re.compile(r"^(?P<name>.*?)[-_. ]*v?(?P<number>\d{1,4})$", re.IGNORECASE)
_NOT_ALLOWED = re.compile(r"[^a-z0-9]+")
_SETS = ("golden.npz", "evaluation.npz", "calibration.npz")
_MAX_NAME = 63

WHAT_IS_NEEDED = (
    "A trained ONNX model in one file, and labelled data it was not trained on: a folder with golden.npz, "
    "evaluation.npz and calibration.npz, or one labelled set of at least 30 samples, which is divided into these "
    "three: an NPZ file with samples x and labels y, a folder with one folder of images per class, or a CSV list "
    "(file,label). Devices test themselves on the golden set, variants are judged on the evaluation set, and int8 "
    "ranges come from the calibration set. How raw samples become the input is read from the model, or from "
    "preprocessing.json beside the data."
)


@dataclass(frozen=True, slots=True)
class ImportGuess:
    """Prefilled fields. Version 0 asks for the next free number; `data` is empty where nothing fitting lies there."""

    name: str
    version: int
    data: str


def guess_import(path: Path) -> ImportGuess:
    """Look at the file's name and folder; reads no file, but lists folders, so call it on a worker."""
    name, version = guess_name(path.stem)
    return ImportGuess(name, version, _data_beside(path))


def guess_name(stem: str) -> tuple[str, int]:
    """A model name and number from a file name: `Yard_Vision-v2` is `yard-vision` 2."""
    match = _NUMBER_AT_END.match(stem)
    number = int(match["number"]) if match else 0
    text = _NOT_ALLOWED.sub("-", (match["name"] if match else stem).lower()).strip("-")[:_MAX_NAME].strip("-")
    return (text, number) if text else ("model", number)


def check_fields(path: str, data: str, name: str) -> None:
    """Raise `UserError` for what can be seen without opening a file; the rest is checked in a worker process."""
    if not path.strip():
        raise UserError("No model file is chosen.", "Choose an .onnx file.")
    if not data.strip():
        raise UserError(
            "No data is chosen.",
            "Choose a folder with the three sets or with class folders, or a labelled NPZ or CSV file.",
        )
    if not is_identifier(name):
        check_identifier(name, "model name")


def _data_beside(path: Path) -> str:
    for folder in (path.parent, path.parent / "data"):
        if all((folder / name).is_file() for name in _SETS):
            return str(folder)
    beside = path.with_suffix(".npz")
    return str(beside) if beside.is_file() else ""
