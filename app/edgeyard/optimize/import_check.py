"""Taking a stranger's model and data in: everything is looked at in a jailed worker before anything is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize.dataset import Dataset, check_dataset, load_dataset
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.model_file import read_bytes
from edgeyard.optimize.summary import ModelSummary

MODEL_FILE = "model.onnx"
SETS = ("golden", "evaluation", "calibration")
"""The three sets a version keeps: self-test on devices, accuracy here, and value ranges for quantization."""

_SHARES = {"golden": 0.3, "evaluation": 0.4, "calibration": 0.3}
_MAX_SPLIT_SAMPLES = 500
_MIN_SPLIT_SAMPLES = 30
_MAX_PREPROCESSING_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ImportFacts:
    """What was taken in. `samples` counts each set."""

    summary: ModelSummary
    preprocessing: Preprocessing
    samples: dict[str, int]


def set_file(name: str) -> str:
    """The file name of one of `SETS` in a version's folder."""
    return f"{name}.npz"


def check_import(model: Path, data: Path, out_dir: Path, seed: int) -> ImportFacts:
    """Inspect `model`, read `data`, and write both to `out_dir` (existing, empty): the model and the three sets.

    `data` is a folder with `golden.npz`, `evaluation.npz` and `calibration.npz` (and `preprocessing.json` unless the
    model declares it), or one NPZ file with labels that is divided by `seed`. Raises `UserError` for anything unfit.
    """
    # The copy is what gets inspected and kept: nobody changes it in between.
    copy = out_dir / MODEL_FILE
    copy.write_bytes(read_bytes(model))
    summary = inspect_model(copy)
    preprocessing = summary.preprocessing or _preprocessing_beside(data)
    sets = _read_folder(data, preprocessing) if data.is_dir() else _divide(data, preprocessing, seed)
    for name, dataset in sets.items():
        check_dataset(dataset, summary)
        if dataset.y is None and name != "calibration":
            raise UserError(
                f"The {dataset.title} has no labels y.", "Save it with labels: numpy.savez(path, x=…, y=…)."
            )
    for name, dataset in sets.items():
        # Written anew from the checked arrays, so that no other member of a foreign archive travels on to devices.
        arrays = {"x": dataset.x} if dataset.y is None else {"x": dataset.x, "y": dataset.y}
        np.savez_compressed(out_dir / set_file(name), **arrays)  # type: ignore[arg-type]
    return ImportFacts(summary, preprocessing, {name: len(dataset) for name, dataset in sets.items()})


def _preprocessing_beside(data: Path) -> Preprocessing:
    path = (data if data.is_dir() else data.parent) / "preprocessing.json"
    if not path.is_file():
        return Preprocessing()
    if path.stat().st_size > _MAX_PREPROCESSING_BYTES:
        raise UserError(f"{path.name} is over {_MAX_PREPROCESSING_BYTES} bytes.", "Keep only the preprocessing in it.")
    return read_preprocessing(path.read_bytes())


def _read_folder(folder: Path, preprocessing: Preprocessing) -> dict[str, Dataset]:
    return {name: load_dataset(folder / set_file(name), preprocessing, title=f"{name} set") for name in SETS}


def _divide(path: Path, preprocessing: Preprocessing, seed: int) -> dict[str, Dataset]:
    whole = load_dataset(path, preprocessing)
    if whole.y is None or len(whole) < _MIN_SPLIT_SAMPLES:
        raise UserError(
            f"{path.name} has {len(whole)} samples {'without' if whole.y is None else 'with'} labels.",
            f"Give at least {_MIN_SPLIT_SAMPLES} labelled samples: they are divided into self-test, evaluation and"
            " calibration.",
        )
    order = np.random.default_rng(seed).permutation(len(whole))
    sets, begin = {}, 0
    for name, share in _SHARES.items():
        end = begin + int(len(whole) * share)
        chosen = order[begin:end][:_MAX_SPLIT_SAMPLES]
        sets[name] = Dataset(whole.x[chosen], whole.y[chosen], preprocessing, whole.sha256, f"{name} set")
        begin = end
    return sets
