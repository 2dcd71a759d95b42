"""A toy model with data it is right about, and the demo's own models."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.profile import find_profiles
from tests.unit.optimize import toy_model

PREPROCESSING = Preprocessing("NCHW", 255.0, (0.5,), (0.25,), ("red", "green", "blue", "grey"))


def label_by_model(source: Path, x: np.ndarray) -> np.ndarray:
    """What the model itself says, a tenth of it wrong: the toy model has learned nothing, but is 90 % right."""
    from edgeyard.optimize.dataset import Dataset
    from edgeyard.optimize.runtime.onnx_session import OnnxSession

    y = OnnxSession(source).scores(Dataset(x, None, PREPROCESSING, "")).argmax(axis=1)
    y[::10] = (y[::10] + 1) % toy_model.CLASSES
    return y


@pytest.fixture
def toy(tmp_path: Path) -> OptimizeJob:
    """A job that a worker does in two seconds."""
    return toy_job(tmp_path)


def toy_job(tmp_path: Path) -> OptimizeJob:
    """The job with all its files in that folder."""
    source = toy_model.save(toy_model.classifier(), tmp_path / "toy.onnx")
    sets = {}
    for seed, (name, count) in enumerate({"evaluation": 200, "calibration": 60, "golden": 40}.items()):
        x = toy_model.images(count, seed)
        sets[name] = toy_model.save_set(tmp_path / f"{name}.npz", x, label_by_model(source, x))
    return OptimizeJob(
        source=source,
        data=DataFiles(**sets),
        out_dir=tmp_path / "out",
        cache_dir=tmp_path / "cache",
        profiles=find_profiles(("pi5", "jetson-orin-nano", "x86-vnni")),
        preprocessing=PREPROCESSING,
        max_drop=0.05,
        run_off_s=0.05,
    )


@pytest.fixture
def unlabelled(toy: OptimizeJob, tmp_path: Path) -> OptimizeJob:
    """The same with an evaluation set that has no labels."""
    path = toy_model.save_set(tmp_path / "unlabelled.npz", toy_model.images(200, 0))
    return replace(toy, data=replace(toy.data, evaluation=path))
