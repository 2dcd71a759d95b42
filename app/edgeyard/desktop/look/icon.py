"""Icons: one line set, tinted with the theme's colours when painted, so that a change of theme needs no new icons."""

from __future__ import annotations

import re
from functools import lru_cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from edgeyard.desktop.look import theme
from edgeyard.resource import resource_path

_STROKE = re.compile(r'stroke-width="2"')


def icon(name: str, role: str = "quiet") -> QIcon:
    """The icon `name` of the set in the colour of a palette role (`quiet`, `text`, `accent`, `alarm`, …)."""
    return QIcon(_TintedIcon(name, role))


def icon_pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """The icon in `colour` (`#RRGGBB`), `size` logical pixels square."""
    return _render(name, colour, size, ratio)


class _TintedIcon(QIconEngine):
    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name = name
        self._role = role

    def clone(self) -> QIconEngine:
        return _TintedIcon(self._name, self._role)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return _render(self._name, self._colour(mode, state), min(size.width(), size.height()), 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        # Qt gives the size in device pixels here.
        return _render(self._name, self._colour(mode, state), round(min(size.width(), size.height()) / scale), scale)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        ratio = painter.device().devicePixelRatioF()
        size = min(rect.width(), rect.height())
        pixmap = _render(self._name, self._colour(mode, state), size, ratio)
        painter.drawPixmap(rect.center().x() - size // 2 + 1, rect.center().y() - size // 2 + 1, pixmap)

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        palette = theme.current()
        if mode == QIcon.Mode.Disabled:
            return palette.line if not palette.dark else palette.healthy
        if state == QIcon.State.On and self._role == "quiet":
            return palette.accent
        colour = getattr(palette, self._role)
        assert isinstance(colour, str)
        return colour


@lru_cache(maxsize=512)
def _render(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    side = max(1, round(size * ratio))
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(_svg(name, colour))).render(painter, QRectF(0, 0, side, side))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _svg(name: str, colour: str) -> bytes:
    text = resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")
    return _STROKE.sub('stroke-width="1.75"', text.replace("currentColor", colour)).encode()
