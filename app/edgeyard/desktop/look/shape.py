"""The five status shapes, painted by one class, so that a status is never told by colour alone."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.palette import Palette
from edgeyard.domain.device import DeviceStatus

WORDS = {
    DeviceStatus.ALARM: "Alarm",
    DeviceStatus.ATTENTION: "Attention",
    DeviceStatus.UPDATING: "Updating",
    DeviceStatus.OFFLINE: "Offline",
    DeviceStatus.UNKNOWN: "Never heard",
    DeviceStatus.HEALTHY: "Healthy",
}


def status_colour(status: DeviceStatus, palette: Palette) -> str:
    """The colour that goes with the shape."""
    return {
        DeviceStatus.ALARM: palette.alarm,
        DeviceStatus.ATTENTION: palette.attention,
        DeviceStatus.UPDATING: palette.accent,
        DeviceStatus.OFFLINE: palette.quiet,
        DeviceStatus.UNKNOWN: palette.quiet,
        DeviceStatus.HEALTHY: palette.healthy,
    }[status]


class StatusShape:
    """Draws a status into a square: dot, half dot, triangle, square, ring. Unknown is a dashed ring."""

    @staticmethod
    def paint(painter: QPainter, rect: QRectF, status: DeviceStatus, palette: Palette | None = None) -> None:
        """Draw `status` centred in `rect`; about 60 % of it is filled."""
        colour = QColor(status_colour(status, palette or theme.current()))
        side = min(rect.width(), rect.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(rect.center())
        _PAINTERS[status](painter, side / 2, colour)
        painter.restore()

    @staticmethod
    def pixmap(status: DeviceStatus, size: int, ratio: float = 1.0, *, on_panel: bool = False) -> QPixmap:
        """The shape as a picture of `size` logical pixels, cached; transparent around it unless `on_panel`."""
        palette = theme.current()
        return _pixmap(status, palette, size, ratio, palette.panel if on_panel else "")


@lru_cache(maxsize=128)
def _pixmap(status: DeviceStatus, palette: Palette, size: int, ratio: float, ground: str) -> QPixmap:
    side = round(size * ratio)
    made = QPixmap(side, side)
    made.setDevicePixelRatio(ratio)
    made.fill(QColor(ground) if ground else Qt.GlobalColor.transparent)
    painter = QPainter(made)
    StatusShape.paint(painter, QRectF(0, 0, size, size), status, palette)
    painter.end()
    return made


def _dot(painter: QPainter, half: float, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(QPointF(0, 0), half * 0.62, half * 0.62)


def _half_dot(painter: QPainter, half: float, colour: QColor) -> None:
    radius = half * 0.72
    width = max(1.0, half * 0.2)
    box = QRectF(-radius, -radius, 2 * radius, 2 * radius)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPie(box, 90 * 16, 180 * 16)
    inset = width / 2
    painter.setPen(QPen(colour, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(box.adjusted(inset, inset, -inset, -inset))


def _triangle(painter: QPainter, half: float, colour: QColor) -> None:
    reach = half * 0.92
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    corners = [QPointF(0, -reach * 0.9), QPointF(reach, reach * 0.78), QPointF(-reach, reach * 0.78)]
    painter.drawPolygon(QPolygonF(corners))


def _square(painter: QPainter, half: float, colour: QColor) -> None:
    reach = half * 0.74
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRect(QRectF(-reach, -reach, 2 * reach, 2 * reach))


def _ring(painter: QPainter, half: float, colour: QColor) -> None:
    _outline(painter, half, QPen(colour, max(1.0, half * 0.2)))


def _dashed_ring(painter: QPainter, half: float, colour: QColor) -> None:
    pen = QPen(colour, max(1.0, half * 0.2))
    pen.setDashPattern([1.6, 1.6])
    _outline(painter, half, pen)


def _outline(painter: QPainter, half: float, pen: QPen) -> None:
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = half * 0.66
    painter.drawEllipse(QPointF(0, 0), radius, radius)


_PAINTERS = {
    DeviceStatus.ALARM: _square,
    DeviceStatus.ATTENTION: _triangle,
    DeviceStatus.UPDATING: _half_dot,
    DeviceStatus.OFFLINE: _ring,
    DeviceStatus.UNKNOWN: _dashed_ring,
    DeviceStatus.HEALTHY: _dot,
}
