"""Taking a model and its data in."""

from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, Resize
from edgeyard.optimize.dataset import load_dataset
from edgeyard.optimize.import_check import MODEL_FILE, SETS, check_import, set_file
from tests.unit.optimize import toy_model
from tests.unit.optimize.data.picture_folder import class_folders

SIZE = Resize(8, 8)
DECLARED = b'{"layout": "NCHW", "scale": 255.0}'


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder as people prepare it: the model, its preprocessing, and one labelled set."""
    toy_model.save(toy_model.classifier(), tmp_path / "toy.onnx")
    (tmp_path / "preprocessing.json").write_bytes(DECLARED)
    toy_model.save_set(tmp_path / "all.npz", toy_model.images(100), np.arange(100) % 4)
    (tmp_path / "in").mkdir()
    return tmp_path


def test_one_labelled_file_is_divided_without_overlap_and_by_seed(package: Path) -> None:
    facts = check_import(package / "toy.onnx", package / "all.npz", package / "in", seed=1)
    assert facts.samples == {"golden": 30, "evaluation": 40, "calibration": 30}
    assert facts.preprocessing.layout == "NCHW"
    sets = [load_dataset(package / "in" / set_file(name)).x for name in SETS]
    assert len({sample.tobytes() for part in sets for sample in part}) == 100
    first = (package / "in" / "golden.npz").read_bytes()
    check_import(package / "toy.onnx", package / "all.npz", package / "in", seed=1)
    assert (package / "in" / "golden.npz").read_bytes() == first
    check_import(package / "toy.onnx", package / "all.npz", package / "in", seed=2)
    assert (package / "in" / "golden.npz").read_bytes() != first


def test_only_the_checked_arrays_are_kept(package: Path) -> None:
    for name in SETS:
        arrays = {"x": toy_model.images(10), "y": np.arange(10) % 4, "other": np.zeros(3)}
        np.savez(package / set_file(name), **arrays)
    check_import(package / "toy.onnx", package, package / "in", seed=1)
    with np.load(package / "in" / "golden.npz") as kept:
        assert sorted(kept) == ["x", "y"]
    assert (package / "in" / MODEL_FILE).read_bytes() == (package / "toy.onnx").read_bytes()


def test_too_few_or_unlabelled_samples_are_refused(package: Path) -> None:
    toy_model.save_set(package / "few.npz", toy_model.images(10), np.arange(10) % 4)
    toy_model.save_set(package / "bare.npz", toy_model.images(100))
    for name, words in (("few.npz", "10 samples with labels"), ("bare.npz", "100 samples without labels")):
        with pytest.raises(UserError, match=words):
            check_import(package / "toy.onnx", package / name, package / "in", seed=1)


def test_a_folder_of_images_is_taken_in_at_the_model_s_size(package: Path) -> None:
    folder = class_folders(package / "pictures", ("red", "green", "blue", "grey"), count=20)
    facts = check_import(package / "toy.onnx", folder, package / "in", seed=1)
    assert facts.samples == {"golden": 24, "evaluation": 32, "calibration": 24}
    assert facts.preprocessing == Preprocessing("NCHW", 255.0, classes=("blue", "green", "grey", "red"), resize=SIZE)
    assert "numbered by name" in facts.notes[0]
    kept = load_dataset(package / "in" / "golden.npz", facts.preprocessing)
    assert kept.x.shape == (24, 8, 8, 3)


def test_a_broken_declaration_is_refused(package: Path) -> None:
    for declared, words in ((b"{", "cannot be used"), (b" " * (5 << 20), "is over")):
        (package / "preprocessing.json").write_bytes(declared)
        with pytest.raises(UserError, match=words):
            check_import(package / "toy.onnx", package / "all.npz", package / "in", seed=1)
