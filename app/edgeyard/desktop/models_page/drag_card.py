"""The small card that hangs from the pointer while a version is dragged: name, version, size."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, SEMIBOLD, SMALL, font, metrics
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.widget import words
from edgeyard.domain.model import ModelVersion

_HEIGHT = 48
_PAD = 12
_ICON = 20


def drag_card(version: ModelVersion, ratio: float = 1.0) -> QPixmap:
    """The card as a picture, in the colours of the theme."""
    quiet = f"{words.size(version.source_size_bytes)} · {words.count(len(version.variants), 'variant')}"
    text_width = max(metrics(BASE, SEMIBOLD).horizontalAdvance(version.label), metrics(SMALL).horizontalAdvance(quiet))
    width = _PAD + _ICON + 8 + text_width + _PAD
    card = QPixmap(round(width * ratio), round(_HEIGHT * ratio))
    card.setDevicePixelRatio(ratio)
    card.fill(Qt.GlobalColor.transparent)
    painter = QPainter(card)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour("accent"), 1))
    painter.setBrush(theme.colour("panel"))
    painter.drawRoundedRect(QRectF(0.5, 0.5, width - 1, _HEIGHT - 1), 4, 4)
    painter.drawPixmap(_PAD, (_HEIGHT - _ICON) // 2, icon_pixmap("package", theme.current().accent, _ICON, ratio))
    left = _PAD + _ICON + 8
    painter.setFont(font(BASE, SEMIBOLD))
    painter.setPen(theme.colour("text"))
    painter.drawText(left, 21, version.label)
    painter.setFont(font(SMALL))
    painter.setPen(theme.colour("quiet"))
    painter.drawText(left, 37, quiet)
    painter.end()
    return card
