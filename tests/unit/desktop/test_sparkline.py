"""Small lines: gaps stay gaps, noise does not look like a mountain."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.widget.sparkline import paint_sparkline, runs, scale_of

NAN = float("nan")


def painted_columns(values: list[float], **options: object) -> np.ndarray:
    image = QImage(100, 20, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    paint_sparkline(painter, QRectF(0, 0, 99, 19), np.array(values), QColor("#000000"), **options)  # type: ignore[arg-type]
    painter.end()
    return (np.array(image.constBits(), np.uint8).reshape(20, 100, 4)[..., 3] > 40).any(axis=0)


def test_a_gap_is_painted_as_a_gap(theme: Theme) -> None:
    columns = painted_columns([1, 2, 1, NAN, NAN, NAN, 2, 1, 2, 1, 1])
    assert columns[2:18].all()
    assert not columns[24:56].any()
    assert columns[62:98].all()


def test_a_point_between_gaps_is_a_dot(theme: Theme) -> None:
    columns = painted_columns([NAN, NAN, 3, NAN, NAN])
    assert columns[48:52].any()
    assert not columns[:45].any()
    assert not columns[55:].any()


def test_nothing_known_paints_nothing(theme: Theme) -> None:
    assert not painted_columns([NAN, NAN]).any()


def test_the_band_is_painted_behind_the_line(theme: Theme) -> None:
    columns = painted_columns([NAN, 5.0, NAN], band=(2.0, 8.0), band_colour=QColor("#888888"))
    assert columns[:99].all()


def test_a_constant_with_noise_stays_nearly_flat() -> None:
    bottom, top = scale_of([100.0, 100.1, 99.9], None)
    assert top - bottom >= 20


def test_a_stretch_ends_where_a_point_is_missing() -> None:
    assert runs([1.0, 2.0, NAN, 3.0]) == [(0, [1.0, 2.0]), (3, [3.0])]
    assert runs([NAN]) == []
