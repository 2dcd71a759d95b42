"""A small line without axes: latency in the device table, trends behind the key figures. Gaps stay gaps."""

from __future__ import annotations

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
    known = ~np.isnan(values)
    if not known.any():
        return
    bottom, top = scale_of(values[known], band, low, high)
    if band is not None and band_colour is not None:
        upper = rect.bottom() - (band[1] - bottom) / (top - bottom) * rect.height()
        lower = rect.bottom() - (band[0] - bottom) / (top - bottom) * rect.height()
        painter.fillRect(QRectF(rect.left(), upper, rect.width(), max(1.0, lower - upper)) & rect, band_colour)
    step = rect.width() / max(1, len(values) - 1)
    xs = rect.left() + np.arange(len(values)) * step
    ys = rect.bottom() - (values.astype(np.float64) - bottom) / (top - bottom) * rect.height()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.25))
    for start, end in runs(known):
        if end - start == 1:
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(xs[start], ys[start]), 0.75, 0.75)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            points = zip(xs[start:end].tolist(), ys[start:end].tolist(), strict=True)
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))
    painter.restore()


def scale_of(
    known: Values, band: tuple[float, float] | None, low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """Bottom and top of the scale: never less than a fifth of the value apart."""
    bottom = float(known.min()) if low is None else low
    top = float(known.max()) if high is None else high
    if band is not None:
        bottom, top = min(bottom, band[0]), max(top, band[1])
    least = max(abs(top), abs(bottom), 1e-9) * 0.2
    if top - bottom < least:
        middle = (top + bottom) / 2
        bottom, top = middle - least / 2, middle + least / 2
    return bottom, top


def runs(known: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open ranges of consecutive true entries."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
