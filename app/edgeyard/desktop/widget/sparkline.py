"""A small line without axes: latency in the device table, trends behind the key figures. Gaps stay gaps."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def paint_sparkline(
    painter: QPainter,
    rect: QRectF,
    values: Values,
    colour: QColor,
    *,
    low: float | None = None,
    high: float | None = None,
    band: tuple[float, float] | None = None,
    band_colour: QColor | None = None,
) -> None:
    """Draw `values` (NaN where nothing is known) from left to right into `rect`, scaled from `low` to `high`.

    The scale is the values' own range where it is not given, widened so that noise on a constant does not look like a
    mountain. A point between two gaps is drawn as a dot.
    """
    # A few dozen points: lists are three times as quick as arrays here, and a table has many lines.
    points = values.tolist()
    known = [value for value in points if not isnan(value)]
    if not known:
        return
    bottom, top = scale_of(known, band, low, high)
    unit = rect.height() / (top - bottom)
    if band is not None and band_colour is not None:
        upper = rect.bottom() - (band[1] - bottom) * unit
        lower = rect.bottom() - (band[0] - bottom) * unit
        painter.fillRect(QRectF(rect.left(), upper, rect.width(), max(1.0, lower - upper)) & rect, band_colour)
    step = rect.width() / max(1, len(points) - 1)
    left, floor = rect.left(), rect.bottom()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.25))
    for first, run in runs(points):
        line = [QPointF(left + (first + n) * step, floor - (value - bottom) * unit) for n, value in enumerate(run)]
        if len(line) == 1:
            painter.setBrush(colour)
            painter.drawEllipse(line[0], 0.75, 0.75)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            painter.drawPolyline(QPolygonF(line))
    painter.restore()


def scale_of(
    known: Sequence[float], band: tuple[float, float] | None, low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """Bottom and top of the scale: never less than a fifth of the value apart."""
    bottom = min(known) if low is None else low
    top = max(known) if high is None else high
    if band is not None:
        bottom, top = min(bottom, band[0]), max(top, band[1])
    least = max(abs(top), abs(bottom), 1e-9) * 0.2
    if top - bottom < least:
        middle = (top + bottom) / 2
        bottom, top = middle - least / 2, middle + least / 2
    return bottom, top


def runs(points: Sequence[float]) -> list[tuple[int, list[float]]]:
    """Stretches without a gap: where each begins, and its values."""
    found: list[tuple[int, list[float]]] = []
    for number, value in enumerate(points):
        if isnan(value):
            continue
        if found and found[-1][0] + len(found[-1][1]) == number:
            found[-1][1].append(value)
        else:
            found.append((number, [value]))
    return found
