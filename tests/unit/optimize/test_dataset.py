"""Data sets: read with bounds, checked against the model, refused in words."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, TensorContract
from edgeyard.optimize.dataset import Dataset, check_dataset, load_dataset
from edgeyard.optimize.summary import ModelSummary
from tests.unit.optimize.toy_model import images, save_set

RGB = Preprocessing("NCHW", 255.0)
Y = np.arange(8) % 4


def npy_bytes(array: np.ndarray, **keywords: object) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **keywords)  # type: ignore[arg-type]
    return buffer.getvalue()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


def test_samples_and_labels_are_read(tmp_path: Path) -> None:
    dataset = load_dataset(save_set(tmp_path / "d.npz", images(8), Y), RGB)
    assert len(dataset) == 8
    assert np.array_equal(dataset.x, images(8))
    assert dataset.y is not None
    assert dataset.y.tolist() == Y.tolist()
    assert [batch.shape for batch in dataset.batches(5)] == [(5, 3, 8, 8), (3, 3, 8, 8)]
    assert len(dataset.first(3)) == 3


def test_labels_may_be_missing_and_column_order_is_kept(tmp_path: Path) -> None:
    x = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    dataset = load_dataset(save_set(tmp_path / "d.npz", x))
    assert dataset.y is None
    assert np.array_equal(dataset.x, x)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/tmp/edgeyard-evil"),))  # type: ignore[return-value]


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    objects = np.array([Evil(), Evil()], dtype=object)
    path = archive(tmp_path / "d.npz", x=npy_bytes(objects, allow_pickle=True))
    with pytest.raises(UserError, match=r"x\.npy.*pickles") as caught:
        load_dataset(path)
    assert "numpy.savez" in caught.value.todo
    assert not Path("/tmp/edgeyard-evil").exists()


def test_a_plain_pickle_is_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(pickle.dumps({"x": 1}))
    with pytest.raises(UserError, match="not an NPZ"):
        load_dataset(path)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path: Path) -> None:
    path = save_set(tmp_path / "d.npz", np.zeros((64, 1 << 20), np.uint8))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="unpacks to 64 MiB; at most 10 MiB"):
        load_dataset(path, limit_bytes=10 << 20)


def test_a_header_that_asks_for_more_than_there_is_gets_nothing(tmp_path: Path) -> None:
    broken = npy_bytes(np.zeros((4, 4), np.float32)).replace(b"(4, 4)", b"(4, 40")
    huge = npy_bytes(np.zeros((4, 4), np.float32)).replace(b"'shape': (4, 4), }     ", b"'shape': (4, 444444), }")
    with pytest.raises(UserError, match="does not hold what it says"):
        load_dataset(archive(tmp_path / "d.npz", x=huge))
    with pytest.raises(UserError, match=r"x\.npy of the data set is damaged"):
        load_dataset(archive(tmp_path / "e.npz", x=broken))


def test_an_archive_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", x=npy_bytes(np.zeros((100, 100), np.uint8)))
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 1000)
    path.write_bytes(data)
    with pytest.raises(UserError):
        load_dataset(path)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((0, 4), np.uint8), None, "no samples"),
        (np.zeros(4, np.uint8), None, "no samples"),
        (np.array([["a"]]), None, "type <U1"),
        (np.array([[np.nan]], np.float32), None, "NaN"),
        (np.array([[np.inf]], np.float64), None, "NaN or infinite"),
        (np.zeros((2, 4), np.uint8), np.array([0]), "for 2 samples"),
        (np.zeros((2, 4), np.uint8), np.array([0.0, 1.0]), "float64"),
        (np.zeros((2, 4), np.uint8), np.array([0, -1]), "below 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, x: np.ndarray, y: np.ndarray | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_dataset(save_set(tmp_path / "d.npz", x, y), title="golden set")


def test_damage_anywhere_in_the_file_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = bytearray(save_set(tmp_path / "d.npz", images(8), Y).read_bytes())
    rng = np.random.default_rng(5)
    for _ in range(200):
        broken = bytearray(whole)
        broken[rng.integers(len(broken))] ^= int(rng.integers(1, 256))
        path = tmp_path / "b.npz"
        path.write_bytes(broken[: rng.integers(1, len(broken) + 1)] if rng.random() < 0.3 else broken)
        try:
            load_dataset(path)
        except UserError:
            continue


def test_without_x_it_is_no_data_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", samples=images(2))
    with pytest.raises(UserError, match="no array x"):
        load_dataset(tmp_path / "d.npz")
    with pytest.raises(UserError, match="no data set"):
        load_dataset(tmp_path / "none.npz")


def summary(*shape: int | None, classes: int | None = 4) -> ModelSummary:
    inputs = (TensorContract("image", "float32", shape),)
    outputs = (TensorContract("logits", "float32", (None, classes)),)
    return ModelSummary("", 0, 8, 17, "", inputs, outputs, 0, 0)


def test_a_fitting_set_passes() -> None:
    check_dataset(Dataset(images(8), Y, RGB, ""), summary(None, 3, 8, 8))
    check_dataset(Dataset(images(8), Y, RGB, ""), summary(None, 3, None, None))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (Dataset(images(8), Y, Preprocessing("NHWC"), "", "golden set"), "golden set gives .* 8×8×3, .* takes 3×8×8"),
        (Dataset(images(8)[:, :4], Y, RGB, "", "golden set"), "3×4×8"),
        (Dataset(images(8).reshape(8, -1), Y, Preprocessing(), ""), "192"),
        (Dataset(images(8).reshape(8, -1), Y, RGB, ""), "NCHW is for images"),
        (Dataset(images(8), Y + 1, RGB, ""), r"label 4, .* 4 classes apart \(0 to 3\)"),
        (Dataset(images(8), Y, Preprocessing("NCHW", classes=("a", "b")), ""), "names 2 classes, but the model has 4"),
    ],
)
def test_a_set_of_another_model_is_refused_in_words(dataset: Dataset, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_dataset(dataset, summary(None, 3, 8, 8))
