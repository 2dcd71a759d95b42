"""Taking a stranger's model and data in: everything is looked at in a jailed worker before anything is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.data.load import load_data
from edgeyard.optimize.data.preprocessing_file import find_preprocessing
from edgeyard.optimize.data.split import split_data
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


@dataclass(frozen=True, slots=True)
class ImportFacts:
    """What was taken in. `samples` counts each set; `notes` say what was left out or assumed, a sentence each."""

    summary: ModelSummary
    preprocessing: Preprocessing
    samples: dict[str, int]
    notes: tuple[str, ...] = ()


def set_file(name: str) -> str:
    """The file name of one of `SETS` in a version's folder."""
    return f"{name}.npz"


def check_import(model: Path, data: Path, out_dir: Path, seed: int) -> ImportFacts:
    """Inspect `model`, read `data`, and write both to `out_dir` (existing, empty): the model and the three sets.

    `data` is a folder with `golden.npz`, `evaluation.npz` and `calibration.npz`, or one labelled data set in any form
    of `load_data`, which is divided by `seed`. `preprocessing.json` lies with it unless the model declares it. Raises
    `UserError` for anything unfit.
    """
    # The copy is what gets inspected and kept: nobody changes it in between.
    copy = out_dir / MODEL_FILE
    copy.write_bytes(read_bytes(model))
    summary = inspect_model(copy)
    notes: tuple[str, ...] = ()
    if (data / set_file(SETS[0])).is_file():
        preprocessing = find_preprocessing(data, summary) or Preprocessing()
        sets = _read_sets(data, preprocessing)
    else:
        whole = load_data(data, summary=summary)
        preprocessing = whole.preprocessing
        sets, divided = _divide(whole, data.name, seed)
        notes = (*whole.notes, *divided)
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
    return ImportFacts(summary, preprocessing, {name: len(dataset) for name, dataset in sets.items()}, notes)


def _read_sets(folder: Path, preprocessing: Preprocessing) -> dict[str, Dataset]:
    return {name: load_dataset(folder / set_file(name), preprocessing, title=f"{name} set") for name in SETS}


def _divide(whole: Dataset, name: str, seed: int) -> tuple[dict[str, Dataset], tuple[str, ...]]:
    if whole.y is None or len(whole) < _MIN_SPLIT_SAMPLES:
        raise UserError(
            f"{name} has {len(whole)} samples {'without' if whole.y is None else 'with'} labels.",
            f"Give at least {_MIN_SPLIT_SAMPLES} labelled samples: they are divided into self-test, evaluation and"
            " calibration.",
        )
    split = split_data(whole, _SHARES, seed)
    return {part: dataset.first(_MAX_SPLIT_SAMPLES) for part, dataset in split.parts.items()}, split.notes
