"""Thousands of device cells as one picture: too small for shapes, and too many to be drawn one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtGui import QColor, QImage

from edgeyard.desktop.look.palette import Palette
from edgeyard.desktop.look.shape import status_colour
from edgeyard.desktop.rollouts_page.picture import CellKind, DeviceRow
from edgeyard.desktop.rollouts_page.rollout_words import KIND_STATUS

_HOLLOW = {CellKind.WAITING: "band", CellKind.STOPPED: "band", CellKind.RETURNED: "line"}


def cell_colour(kind: CellKind, palette: Palette) -> str:
    """The colour of a cell without a shape: what is hollow when it is large is pale when it is small."""
    role = _HOLLOW.get(kind)
    return str(getattr(palette, role)) if role else status_colour(KIND_STATUS[kind], palette)


def cells_image(rows: Sequence[DeviceRow], columns: int, cell: int, pitch: int, palette: Palette) -> QImage:
    """Cells of `cell` pixels every `pitch` pixels, `columns` in a line; transparent between them."""
    lines = -(-len(rows) // columns)
    table = np.array([QColor(cell_colour(kind, palette)).rgba() for kind in CellKind] + [0], np.uint32)
    codes = np.full(lines * columns, len(CellKind), np.intp)
    codes[: len(rows)] = [row.kind for row in rows]
    pixels = table[codes].reshape(lines, columns).repeat(pitch, axis=0).repeat(pitch, axis=1)
    gap = np.arange(pitch) >= cell
    pixels[np.tile(gap, lines), :] = 0
    pixels[:, np.tile(gap, columns)] = 0
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32)
    # The image only borrows the array's memory, which ends with this function.
    return image.copy()
