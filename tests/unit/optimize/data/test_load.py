"""Data sets in every form people have them, and the ways in which they are wrong."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, Resize, TensorContract
from edgeyard.optimize.data.load import load_data
from edgeyard.optimize.summary import ModelSummary
from tests.unit.optimize.data.picture_folder import DECLARED, class_folders, pixels, png
from tests.unit.optimize.toy_model import images, save_set

RGB = Preprocessing("NCHW", 255.0)


def summary(*shape: int | None, classes: int | None = 3, declared: Preprocessing | None = None) -> ModelSummary:
    inputs = (TensorContract("image", "float32", shape),)
    outputs = (TensorContract("logits", "float32", (None, classes)),)
    return ModelSummary("", 0, 8, 17, "", inputs, outputs, 0, 0, preprocessing=declared)


def test_a_folder_of_class_folders_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    dataset = load_data(class_folders(tmp_path / "d"))
    assert dataset.x.shape == (12, 8, 8, 3)
    assert dataset.x.dtype == np.uint8
    assert np.array_equal(dataset.x[5], pixels(101))
    assert dataset.y is not None
    assert dataset.y.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert dataset.preprocessing == Preprocessing("NCHW", 255.0, classes=("cat", "dog", "emu"))
    assert dataset.class_count == 3
    assert "numbered by name: cat, dog, emu" in dataset.notes[0]


def test_the_digest_is_of_the_content_not_of_the_files(tmp_path: Path) -> None:
    one = load_data(class_folders(tmp_path / "one")).sha256
    assert load_data(class_folders(tmp_path / "two")).sha256 == one
    (tmp_path / "two" / "cat" / "000.png").write_bytes(png(pixels(999)))
    assert load_data(tmp_path / "two").sha256 != one


def test_declared_classes_decide_the_labels(tmp_path: Path) -> None:
    declared = Preprocessing("NCHW", classes=("wolf", "Emu", "cat", "dog"))
    dataset = load_data(class_folders(tmp_path), declared)
    assert dataset.y is not None
    assert dataset.y.tolist() == [2] * 4 + [3] * 4 + [1] * 4
    assert dataset.notes == ()
    with pytest.raises(UserError, match="does not name: emu"):
        load_data(tmp_path, Preprocessing("NCHW", classes=("cat", "dog")))


def test_folders_named_by_numbers_are_those_labels(tmp_path: Path) -> None:
    dataset = load_data(class_folders(tmp_path, ("0", "2", "10")))
    assert dataset.y is not None
    assert sorted(set(dataset.y.tolist())) == [0, 2, 10]
    assert dataset.preprocessing.classes == ()


def test_the_order_is_not_guessed_when_the_model_has_other_classes(tmp_path: Path) -> None:
    class_folders(tmp_path)
    with pytest.raises(UserError, match=r"3 classes .* model tells 5 apart") as caught:
        load_data(tmp_path, summary=summary(None, 3, 8, 8, classes=5))
    assert '"classes"' in caught.value.todo


def test_images_are_brought_to_the_declared_size_as_a_device_would(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / "cat" / "000.png").write_bytes(png(pixels(7, 16, 30)))
    declared = Preprocessing("NHWC", resize=Resize(6, 5, "center-crop"))
    dataset = load_data(tmp_path, declared)
    assert dataset.x.shape == (12, 6, 5, 3)
    from edgeyard.domain.preprocessing import prepare

    raw = prepare(pixels(7, 16, 30)[None], declared)
    assert np.array_equal(next(dataset.batches(1)), raw)


def test_without_a_declared_size_the_model_s_own_is_taken_and_said(tmp_path: Path) -> None:
    class_folders(tmp_path)
    dataset = load_data(tmp_path, summary=summary(None, 3, 4, 6))
    assert dataset.preprocessing.resize == Resize(4, 6)
    assert any("No resize is declared" in note for note in dataset.notes)
    (tmp_path / "cat" / "000.png").write_bytes(png(pixels(7, 9, 8)))
    with pytest.raises(UserError, match=r"differ: .* 9×8×3|8×8×3") as caught:
        load_data(tmp_path)
    assert '"resize"' in caught.value.todo


def test_preprocessing_is_taken_from_the_model_before_the_data_and_an_argument_before_both(tmp_path: Path) -> None:
    class_folders(tmp_path)
    model = summary(None, 3, 8, 8, declared=Preprocessing("NCHW", 7.0))
    assert load_data(tmp_path, summary=model).preprocessing.scale == 7.0
    assert load_data(tmp_path, Preprocessing("NCHW", 2.0), model).preprocessing.scale == 2.0
    assert load_data(tmp_path, summary=summary(None, 3, 8, 8)).preprocessing.scale == 255.0
    (tmp_path / "preprocessing.json").unlink()
    with pytest.raises(UserError, match="is not declared") as caught:
        load_data(tmp_path)
    assert "preprocessing.json" in caught.value.todo


def test_images_of_every_common_kind_become_rgb(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for mode in ("1", "L", "LA", "P", "RGBA"):
        Image.fromarray(pixels(1)).convert(mode).save(tmp_path / "all" / f"{mode}.png")
    for mode in ("L", "CMYK", "RGB"):
        Image.fromarray(pixels(1)).convert(mode).save(tmp_path / "all" / f"{mode}.JPG", "JPEG")
    assert load_data(tmp_path, RGB).x.shape == (8, 8, 8, 3)


def test_files_without_class_folders_are_an_unlabelled_set(tmp_path: Path) -> None:
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(png(pixels(index)))
    dataset = load_data(tmp_path, RGB)
    assert (len(dataset), dataset.y, dataset.class_count) == (3, None, 0)


def test_hidden_files_and_other_kinds_are_ignored(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for name in (".hidden.png", "Thumbs.db", "notes.txt"):
        (tmp_path / "cat" / name).write_bytes(b"nothing")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.png").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "deeper").mkdir()
    (tmp_path / "cat" / "deeper" / "more.png").write_bytes(png(pixels(50)))
    dataset = load_data(tmp_path)
    assert len(dataset) == 13
    assert any("1 folders hold no samples" in note for note in dataset.notes)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(pixels(1)))
    folder = class_folders(tmp_path / "d", count=40)
    (folder / "cat" / "link.png").symlink_to(secret)
    (folder / "dog" / "same.png").symlink_to(folder / "dog" / "000.png")
    (folder / "emu" / "loop").symlink_to(folder, target_is_directory=True)
    dataset = load_data(folder)
    assert len(dataset) == 121
    assert any("cat/link.png (it is a link to somewhere outside)" in note for note in dataset.notes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    class_folders(tmp_path, count=40)
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert any("no regular file" in note for note in load_data(tmp_path).notes)


def test_a_few_damaged_files_are_left_out_and_named_and_many_are_refused(tmp_path: Path) -> None:
    class_folders(tmp_path, count=40)
    (tmp_path / "dog" / "001.png").write_bytes(png(pixels(1))[:40])
    (tmp_path / "dog" / "002.png").write_bytes(b"")
    dataset = load_data(tmp_path)
    assert len(dataset) == 118
    assert "2 of 120 files cannot be used and were left out: dog/001.png" in dataset.notes[-1]
    for index in range(10):
        (tmp_path / "emu" / f"{index:03}.png").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="more than 5% of 120"):
        load_data(tmp_path)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header says that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9000, 40_000, 2**31 - 1])
def test_decompression_bombs_are_not_unpacked(tmp_path: Path, side: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "bomb.png").write_bytes(bomb(side, side))
    with pytest.raises(UserError, match=r"too many|damaged"):
        load_data(tmp_path, RGB)


def test_sixteen_bit_images_are_not_cut_to_eight(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "a" / "deep.png")
    with pytest.raises(UserError, match="not 8 bits"):
        load_data(tmp_path, RGB)


def test_a_set_that_needs_too_much_memory_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    class_folders(tmp_path)
    with pytest.raises(UserError, match=r"would take .* at most 0 MiB") as caught:
        load_data(tmp_path, limit_bytes=2000)
    assert "smaller resize" in caught.value.todo


def test_arrays_in_folders_are_samples_too(tmp_path: Path) -> None:
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        for index in range(3):
            np.save(tmp_path / name / f"{index}.npy", np.full((5,), index, np.float32))
    dataset = load_data(tmp_path)
    assert dataset.x.shape == (6, 5)
    assert dataset.x.dtype == np.float32
    (tmp_path / "0" / "x.png").write_bytes(png(pixels(1)))
    with pytest.raises(UserError, match="mixes images"):
        load_data(tmp_path)


def test_pickled_arrays_in_folders_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    np.save(tmp_path / "0" / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="pickles"):
        load_data(tmp_path)


def manifest(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(4):
        (folder / f"{index}.png").write_bytes(png(pixels(index)))
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    (folder / "preprocessing.json").write_text(DECLARED)
    return path


def test_a_manifest_names_files_and_labels(tmp_path: Path) -> None:
    path = manifest(tmp_path, "label,file,note\r\nb,0.png,x\r\na,3.png,y\r\n")
    dataset = load_data(path)
    assert dataset.y is not None
    assert dataset.y.tolist() == [1, 0]
    assert dataset.preprocessing.classes == ("a", "b")
    assert np.array_equal(dataset.x[1], pixels(3))
    path.rename(tmp_path / "manifest.csv")
    assert load_data(tmp_path).sha256 == dataset.sha256


def test_a_manifest_may_have_numbers_or_no_labels(tmp_path: Path) -> None:
    dataset = load_data(manifest(tmp_path / "a", "\ufefffile,label\n1.png,7\n2.png,0\n"))
    assert dataset.y is not None
    assert dataset.y.tolist() == [7, 0]
    assert load_data(manifest(tmp_path / "b", "file\n1.png\n2.png\n")).y is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\n../secret.png,0\n", "Line 2 .* not below"),
        ("file,label\n/etc/passwd,0\n", "not below"),
        ("file,label\nC:\\\\x.png,0\n", "not below"),
        ("file,label\na/../../x.png,0\n", "not below"),
        ("file,label\n,0\n", "not below"),
        ("file,label\n0.png,0\n1.png,\n", "Line 3 .* no label"),
        ("name,label\n0.png,0\n", "no column file"),
        ("file,file\n0.png,0\n", "no column file"),
        ("file,label\n0.png,0,7\n", "other columns"),
        ('file,label\n"0.png,0\n', "no CSV"),
        ("", "no column file"),
        ("file,label\n", "holds no JPEG"),
        ("file,label\nmissing.png,0\n", "cannot be used"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_data(manifest(tmp_path, text))


def test_a_manifest_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path, "")
    path.write_bytes("file,label\nä.png,0\n".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        load_data(path)


def test_an_npz_file_is_read_with_the_preprocessing_beside_it(tmp_path: Path) -> None:
    path = save_set(tmp_path / "d.npz", images(8), np.arange(8) % 4)
    assert load_data(path).preprocessing == Preprocessing()
    (tmp_path / "preprocessing.json").write_text(DECLARED)
    dataset = load_data(path, summary=summary(None, 3, 8, 8, classes=4))
    assert dataset.preprocessing == RGB
    with pytest.raises(UserError, match="takes 3×9×9"):
        load_data(path, summary=summary(None, 3, 9, 9, classes=4))


def test_what_is_no_data_set_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "in" / "train").mkdir(parents=True)
    (tmp_path / "in" / "test").mkdir()
    save_set(tmp_path / "d.npz", images(8))
    for path, words in (
        (tmp_path / "none", "no data set"),
        (tmp_path / "notes.txt", "no known kind"),
        (tmp_path / "in", "which are data sets themselves"),
    ):
        with pytest.raises(UserError, match=words):
            load_data(path, RGB)
    (tmp_path / "npz").mkdir()
    (tmp_path / "d.npz").rename(tmp_path / "npz" / "d.npz")
    with pytest.raises(UserError, match=r"holds \.npz files"):
        load_data(tmp_path / "npz", RGB)
