"""The cells of the heat map as one picture, put together by numpy from one template a status: quick at any number."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from edgeyard.desktop.fleet_page.heat_layout import SHAPE_FROM, HeatLayout
from edgeyard.desktop.look.palette import Palette
from edgeyard.desktop.look.shape import StatusShape, status_colour
from edgeyard.domain.device import STATUS_ORDER, DeviceStatus

Pixels = npt.NDArray[np.uint8]

_DIM = 0.22
_CALM = 0.5
_HOLLOW = (DeviceStatus.OFFLINE, DeviceStatus.UNKNOWN)


def cells_image(
    layout: HeatLayout,
    status: npt.NDArray[np.uint8],
    shown: npt.NDArray[np.bool_] | None,
    palette: Palette,
    ratio: float,
) -> QImage:
    """Cells in the layout's grid; those not in `shown` are faint. `ratio` is device pixels a logical pixel."""
    templates = _templates(palette, layout.cell_width, ratio)
    side = templates.shape[1]
    grid = np.full(layout.rows * layout.columns, len(STATUS_ORDER), np.intp)
    grid[: layout.count] = status
    if shown is not None:
        faint = ~shown
        grid[: layout.count][faint] += len(STATUS_ORDER) + 1
    cells = templates[grid.reshape(layout.rows, layout.columns)]
    pixels = np.ascontiguousarray(cells.transpose(0, 2, 1, 3, 4)).reshape(layout.rows * side, layout.columns * side, 4)
    height, width = pixels.shape[:2]
    image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied).copy()
    image.setDevicePixelRatio(ratio)
    return image


@lru_cache(maxsize=16)
def _templates(palette: Palette, side: int, ratio: float) -> Pixels:
    """(status codes, then nothing, then both again faint) × side × side × BGRA."""
    device_side = max(1, round(side * ratio))
    pictures = [_template(status, palette, side, device_side, ratio) for status in STATUS_ORDER]
    pictures.append(np.zeros((device_side, device_side, 4), np.uint8))
    strong = np.stack(pictures)
    return np.concatenate([strong, (strong * _DIM).astype(np.uint8)])


def _template(status: DeviceStatus, palette: Palette, side: int, device_side: int, ratio: float) -> Pixels:
    image = QImage(device_side, device_side, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.scale(ratio, ratio)
    if side >= SHAPE_FROM:
        StatusShape.paint(painter, QRectF(1, 1, side - 2, side - 2), status, palette)
    else:
        _paint_small(painter, status, palette, side)
    painter.end()
    return np.array(image.constBits(), np.uint8).reshape(device_side, device_side, 4)


def _paint_small(painter: QPainter, status: DeviceStatus, palette: Palette, side: int) -> None:
    colour = QColor(status_colour(status, palette))
    if status is DeviceStatus.HEALTHY:
        # Thousands of full-strength cells would shout; the few that are wrong are drawn larger on top.
        colour = _mixed(colour, QColor(palette.panel), _CALM)
    inner = QRectF(0, 0, side - 1, side - 1)
    if status not in _HOLLOW:
        painter.fillRect(inner, colour)
    elif side >= 5:
        painter.setPen(QPen(colour, 1))
        painter.drawRect(inner.adjusted(0.5, 0.5, -0.5, -0.5))
    else:
        painter.fillRect(inner, QColor(palette.line))


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    """`share` of the first colour, the rest of the second."""
    parts = zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * share + b * (1 - share)) for a, b in parts))
