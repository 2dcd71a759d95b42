"""What target passes are given in tests: the toy classifier and images."""

from pathlib import Path

import numpy as np

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.dataset import Dataset
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.runtime.open_session import open_session
from edgeyard.optimize.step import StepInput, Trait
from tests.unit.optimize import toy_model

PREPROCESSING = Preprocessing("NCHW", 255.0, (0.5,), (0.25,))


def samples(count: int = 40, seed: int = 3) -> Dataset:
    x = toy_model.images(count, seed)
    return Dataset(x, np.arange(count, dtype=np.int64) % toy_model.CLASSES, PREPROCESSING, "")


def given(folder: Path, source: Path | None = None, trait: Trait | None = None, **changes: object) -> StepInput:
    """The toy model in `folder`, unless another source is given."""
    path = source or toy_model.save(toy_model.classifier(), folder / "toy.onnx")
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return StepInput(path, inspect_model(path), trait or Trait(), samples(), scratch, **changes)  # type: ignore[arg-type]


def scores(path: Path, trait: Trait) -> np.ndarray:
    return open_session(path, trait).scores(samples())
