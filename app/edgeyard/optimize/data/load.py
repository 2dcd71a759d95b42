"""Read a data set in whatever form people have it: an NPZ file, a folder of class folders, or a CSV manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, Resize
from edgeyard.optimize.data.collect import ARRAY_SUFFIX, collect
from edgeyard.optimize.data.folder import list_folder
from edgeyard.optimize.data.manifest import list_manifest
from edgeyard.optimize.data.preprocessing_file import FILE_NAME, find_preprocessing
from edgeyard.optimize.dataset import DATASET_LIMIT_BYTES, Dataset, check_dataset, load_dataset
from edgeyard.optimize.summary import ModelSummary

MANIFEST_NAME = "manifest.csv"
_FORMS = "Choose an .npz file with x and y, a folder with one folder of images per class, or a .csv file,label."


def load_data(
    path: Path,
    preprocessing: Preprocessing | None = None,
    summary: ModelSummary | None = None,
    *,
    limit_bytes: int = DATASET_LIMIT_BYTES,
    title: str = "data set",
) -> Dataset:
    """Read the data set at `path`; call it in a worker, since it decodes a stranger's files.

    `preprocessing` overrules what the model declares, and that `preprocessing.json` in or beside the data. With a
    `summary` the samples and labels are checked against the model.

    Raises:
        UserError: it is none of the known forms, cannot be read within `limit_bytes`, or does not fit the model.
    """
    if not path.exists():
        raise UserError(f"There is no {title} {path}.", _FORMS)
    declared = preprocessing if preprocessing is not None else find_preprocessing(path, summary)
    if path.is_dir() or path.suffix.lower() == ".csv":
        dataset = _load_files(path, declared, summary, limit_bytes, title)
    elif _is_zip(path):
        dataset = load_dataset(path, declared, limit_bytes, title)
    else:
        raise UserError(f"The {title} {path.name} is of no known kind.", _FORMS)
    if summary is not None:
        check_dataset(dataset, summary)
    return dataset


def _load_files(
    path: Path, declared: Preprocessing | None, summary: ModelSummary | None, limit_bytes: int, title: str
) -> Dataset:
    manifest = path / MANIFEST_NAME if path.is_dir() else path
    preprocessing = declared or Preprocessing()
    if manifest.is_file():
        entries, preprocessing, notes = list_manifest(manifest, preprocessing, summary, title)
        root = manifest.parent
    else:
        entries, preprocessing, notes = list_folder(path, preprocessing, summary, title)
        root = path
        if not entries and any(path.glob("*.npz")):
            raise UserError(f"The {title} {path.name} holds .npz files.", "Choose one of those files.")
    if entries and entries[0].path.suffix.lower() != ARRAY_SUFFIX:
        if preprocessing.layout == "RAW":
            raise UserError(
                f"How the images of the {title} become the model's input is not declared.",
                f'Put a {FILE_NAME} beside them, such as {{"layout": "NCHW", "scale": 255,'
                ' "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, as in training.',
            )
        preprocessing, assumed = _with_size(preprocessing, summary)
        notes += assumed
    dataset = collect(entries, root, preprocessing, limit_bytes, title)
    return replace(dataset, notes=(*notes, *dataset.notes))


def _with_size(preprocessing: Preprocessing, summary: ModelSummary | None) -> tuple[Preprocessing, tuple[str, ...]]:
    """The resize that the model's input asks for, where none is declared."""
    if preprocessing.resize is not None or summary is None or len(summary.input.shape) != 4:
        return preprocessing, ()
    shape = summary.input.shape
    height, width = shape[2:] if preprocessing.layout == "NCHW" else shape[1:3]
    if height is None or width is None:
        return preprocessing, ()
    note = f"No resize is declared: images of another size are stretched to the model's {height}×{width} (bilinear)."
    return replace(preprocessing, resize=Resize(height, width)), (note,)


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).", "Check its permissions.") from error
