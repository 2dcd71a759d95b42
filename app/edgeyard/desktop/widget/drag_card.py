"""The small card that hangs from the pointer while something is dragged: what it is, and a quiet line about it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, SEMIBOLD, SMALL, font, metrics
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.side import mirrored

HOT_SPOT = QPoint(16, 24)
"""Where the pointer holds the card."""
_HEIGHT = 48
_PAD = 12
_ICON = 20
_GAP = 8
_WIDEST = 320
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


def drag_card(icon: str, title: str, quiet: str, ratio: float = 1.0) -> QPixmap:
    """The card as a picture, in the colours of the theme. `ratio` is device pixels a logical pixel."""
    natural = max(metrics(BASE, SEMIBOLD).horizontalAdvance(title), metrics(SMALL).horizontalAdvance(quiet)) + 1
    room = min(natural, _WIDEST)
    whole = QRect(0, 0, _PAD + _ICON + _GAP + room + _PAD, _HEIGHT)
    card = QPixmap(round(whole.width() * ratio), round(_HEIGHT * ratio))
    card.setDevicePixelRatio(ratio)
    card.fill(Qt.GlobalColor.transparent)
    painter = QPainter(card)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour("accent"), 1))
    painter.setBrush(theme.colour("panel"))
    painter.drawRoundedRect(QRectF(whole).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    place = mirrored(painter, whole, QRect(_PAD, (_HEIGHT - _ICON) // 2, _ICON, _ICON))
    painter.drawPixmap(place, icon_pixmap(icon, theme.current().accent, _ICON, ratio))
    line = mirrored(painter, whole, QRect(_PAD + _ICON + _GAP, 7, room, 18))
    painter.setFont(font(BASE, SEMIBOLD))
    painter.setPen(theme.colour("text"))
    painter.drawText(line, _LEFT, metrics(BASE, SEMIBOLD).elidedText(title, Qt.TextElideMode.ElideMiddle, room))
    painter.setFont(font(SMALL))
    painter.setPen(theme.colour("quiet"))
    painter.drawText(line.translated(0, 17), _LEFT, metrics(SMALL).elidedText(quiet, Qt.TextElideMode.ElideRight, room))
    painter.end()
    return card
