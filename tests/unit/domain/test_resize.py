"""Resizing: the same numbers everywhere, and those of Pillow where it is installed."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.resize import crop_centre, resize_images

SIDES = st.integers(1, 40)


def noise(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_size_is_the_one_asked_for_and_values_stay_in_range(have_h: int, have_w: int, h: int, w: int) -> None:
    x = noise(have_h, have_w)
    resized = resize_images(x, h, w)
    assert resized.shape == (2, h, w, 3)
    assert resized.dtype == np.uint8
    assert x.min() <= resized.min() <= resized.max() <= x.max()


@given(SIDES, SIDES, st.integers(0, 255))
def test_a_flat_image_stays_flat(h: int, w: int, value: int) -> None:
    x = np.full((1, 7, 5, 1), value, np.uint8)
    assert (resize_images(x, h, w) == value).all()


def test_an_image_of_that_size_is_left_as_it_is() -> None:
    x = noise(9, 6)
    assert resize_images(x, 9, 6) is x


def test_halving_is_a_weighted_mean_of_all_pixels() -> None:
    x = np.array([0, 100, 200, 100], np.float32).reshape(1, 1, 4, 1)
    # The triangle filter of support 2 around 1.0: weights 1, 3, 3, 1 of the first three pixels that exist.
    assert resize_images(x, 1, 2)[0, 0, 0, 0] == pytest.approx((3 * 0 + 3 * 100 + 1 * 200) / 7)


def test_floats_and_other_integers_are_resized_too() -> None:
    x = noise(8, 8)
    exact = resize_images(x.astype(np.float64), 5, 3)
    assert exact.dtype == np.float64
    assert resize_images(x.astype(np.int64), 5, 3).dtype == np.float32
    assert np.abs(resize_images(x, 5, 3) - exact).max() <= 1.0


def test_the_numbers_are_the_same_on_every_machine() -> None:
    """Shipped models were measured with these pixels: a change here would make devices see others."""
    x = ((np.arange(50 * 40 * 3).reshape(1, 50, 40, 3) * 37) % 251).astype(np.uint8)
    digest = hashlib.sha256(resize_images(x, 24, 24).tobytes() + resize_images(x, 64, 90).tobytes()).hexdigest()
    assert digest == "7e8f3c2ac35dc8839ec5edb53440f57125eb3fdb202815e742a94fa5e9bec3dd"


def test_one_axis_is_as_pillow_does_it_and_two_within_one_level() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `optimize`")
    for have_h, have_w, h, w in ((31, 50, 31, 20), (31, 50, 90, 50), (64, 48, 32, 32), (20, 30, 45, 50)):
        x = noise(have_h, have_w)[:1]
        pillow = np.asarray(image.fromarray(x[0]).resize((w, h), image.Resampling.BILINEAR)).astype(int)
        difference = np.abs(resize_images(x, h, w)[0].astype(int) - pillow)
        assert difference.max() <= (0 if have_h == h or have_w == w else 1)


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_middle_has_the_aspect_of_the_target_and_lies_inside(have_h: int, have_w: int, h: int, w: int) -> None:
    middle = crop_centre(noise(have_h, have_w), h, w)
    got_h, got_w = middle.shape[1:3]
    assert 1 <= got_h <= have_h
    assert 1 <= got_w <= have_w
    assert got_h == have_h or got_w == have_w


def test_the_middle_of_a_wide_image_is_its_middle() -> None:
    x = np.arange(10).reshape(1, 1, 10, 1)
    assert crop_centre(np.repeat(x, 4, axis=1), 2, 2)[0, 0, :, 0].tolist() == [3, 4, 5, 6]
