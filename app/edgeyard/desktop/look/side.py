"""Where things lie in widgets that are painted by hand, for people who read from the right.

Layouts and `drawText` with a rectangle mirror by themselves; a place that is computed does not. Compute it as for
people who read from the left and pass it through `mirrored`.
"""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle


def mirrored(painter: QPainter, whole: QRect, part: QRect) -> QRect:
    """`part` of `whole` where it belongs in the painter's direction: as it is, or flipped for those from the right."""
    return QStyle.visualRect(painter.layoutDirection(), whole, part)
