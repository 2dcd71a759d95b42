"""Preparing samples: the same numbers everywhere, and words for what does not fit."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing, Resize
from edgeyard.domain.preprocessing import prepare, prepared_shape, read_preprocessing

IMAGES = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
IMAGENET = Preprocessing("NCHW", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), ("cat", "dog"))


def test_images_are_scaled_normalized_and_laid_out_channels_first() -> None:
    prepared = prepare(IMAGES, IMAGENET)
    assert prepared.shape == (2, 3, 4, 5) == prepared_shape(IMAGES.shape, IMAGENET)
    assert prepared.dtype == np.float32
    assert prepared.flags.c_contiguous
    assert prepared[1, 2, 3, 4] == pytest.approx((IMAGES[1, 3, 4, 2] / 255 - 0.406) / 0.225, rel=1e-6)


def test_channels_last_keeps_the_layout() -> None:
    prepared = prepare(IMAGES, Preprocessing("NHWC"))
    assert np.array_equal(prepared, IMAGES.astype(np.float32))


def test_raw_tensors_pass_through_unchanged() -> None:
    raw = np.random.default_rng(1).normal(size=(3, 7)).astype(np.float32)
    assert np.array_equal(prepare(raw, Preprocessing()), raw)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_the_shape_is_as_announced(count: int, height: int, width: int, channels: int) -> None:
    x = np.zeros((count, height, width, channels), np.uint8)
    for layout in ("NCHW", "NHWC", "RAW"):
        declared = Preprocessing(layout)
        assert prepare(x, declared).shape == prepared_shape(x.shape, declared)


def test_preparing_one_by_one_or_together_gives_equal_numbers() -> None:
    together = prepare(IMAGES, IMAGENET)
    assert np.array_equal(together, np.concatenate([prepare(IMAGES[i : i + 1], IMAGENET) for i in range(2)]))


@pytest.mark.parametrize(
    ("x", "declared", "words"),
    [
        (IMAGES[0], IMAGENET, "4×5×3"),
        (IMAGES[..., :1], IMAGENET, "3 means, but the samples have 1 channels"),
        (IMAGES, Preprocessing("NHWC", std=(1.0, 2.0)), "2 standard deviations"),
        (np.array(["a"]), Preprocessing(), "cannot be prepared"),
        (np.zeros((1, 2), np.complex64), Preprocessing(), "complex64"),
        (np.zeros((1, 2, 2, 4), np.uint8), Preprocessing("NHWC", color="BGR"), "4 channels"),
    ],
)
def test_what_does_not_fit_is_said_in_words(x: np.ndarray, declared: Preprocessing, words: str) -> None:
    with pytest.raises(UserError, match=words):
        prepare(x, declared)


def test_the_declaration_is_read_from_json_or_a_mapping() -> None:
    declared = {"layout": "NCHW", "scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    declared |= {"classes": ["cat", "dog"], "color": "RGB", "size": [32, 32]}
    assert read_preprocessing(declared) == read_preprocessing(json.dumps(declared).encode()) == IMAGENET


def test_images_are_brought_to_the_declared_size_and_colour_order() -> None:
    declared = Preprocessing("NCHW", 255.0, color="BGR", resize=Resize(2, 3))
    prepared = prepare(IMAGES, declared)
    assert prepared.shape == (2, 3, 2, 3) == prepared_shape(IMAGES.shape, declared)
    plain = prepare(IMAGES, Preprocessing("NCHW", 255.0, resize=Resize(2, 3)))
    assert np.array_equal(prepared, plain[:, ::-1])


def test_a_sample_that_has_the_size_already_is_not_touched() -> None:
    for mode in ("bilinear", "center-crop"):
        declared = Preprocessing("NHWC", resize=Resize(4, 5, mode))
        assert np.array_equal(prepare(IMAGES, declared), IMAGES.astype(np.float32))


def test_the_centre_is_cut_out_before_it_is_resized() -> None:
    stripes = np.zeros((1, 4, 12, 3), np.uint8)
    stripes[:, :, 4:8] = 200
    assert (prepare(stripes, Preprocessing("NHWC", resize=Resize(2, 2, "center-crop"))) == 200).all()
    assert not (prepare(stripes, Preprocessing("NHWC", resize=Resize(2, 2))) == 200).all()


def test_grey_is_the_luma_of_rgb_in_one_channel() -> None:
    declared = Preprocessing("NCHW", color="GRAY")
    assert prepared_shape(IMAGES.shape, declared) == (2, 1, 4, 5)
    red = np.zeros((1, 1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert prepare(red, declared).tolist() == [[[[76.0]]]]
    assert prepare(red.astype(np.float32), declared)[0, 0, 0, 0] == pytest.approx(76.2, abs=0.1)
    assert prepare(IMAGES[..., :1], declared).shape == (2, 1, 4, 5)


def test_a_declared_resize_is_read_and_bounded() -> None:
    read = read_preprocessing({"layout": "NHWC", "resize": {"height": 96, "width": 64, "mode": "center-crop"}})
    assert read.resize == Resize(96, 64, "center-crop")
    for wrong in (
        {"height": 0, "width": 8},
        {"height": 8, "width": 9000},
        {"height": 8, "width": 8, "mode": "nearest"},
    ):
        with pytest.raises(UserError, match="preprocessing"):
            read_preprocessing({"layout": "NHWC", "resize": wrong})
    with pytest.raises(UserError, match="RAW"):
        read_preprocessing({"resize": {"height": 8, "width": 8}})


def test_images_too_large_to_resize_are_refused() -> None:
    with pytest.raises(UserError, match="at most 8192"):
        prepare(np.zeros((1, 1, 8193, 1), np.uint8), Preprocessing("NHWC", resize=Resize(1, 1)))


@pytest.mark.parametrize(
    "declared",
    [
        b"\xff\xfe",
        b"[]",
        {"layout": "CHW"},
        {"scale": 0},
        {"scale": "255"},
        {"std": [0.0]},
        {"mean": [1.0], "std": [1.0, 1.0]},
        {"mean": [float("nan")]},
        {"resize": 224},
        {"color": "BGR"},
        b'{"mean": [1e999]}',
    ],
)
def test_a_declaration_that_cannot_be_honoured_is_refused(declared: object) -> None:
    with pytest.raises(UserError, match="preprocessing"):
        read_preprocessing(declared)  # type: ignore[arg-type]
