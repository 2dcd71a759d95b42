"""The five key figures: a number with its unit, its line over a quarter of an hour, and the band it normally keeps."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from edgeyard.desktop import trend
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, FIGURE, MEDIUM, SEMIBOLD, SMALL, font, metrics
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.trend import FleetTrend
from edgeyard.desktop.widget.basic import row
from edgeyard.desktop.widget.sparkline import paint_sparkline
from edgeyard.desktop.widget.words import figure

HEIGHT = 72
_PAD = 12
_LEAST_POINTS = 5
"""Fewer would look like a speck, not like a line."""
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class KeyFigure(QFrame):
    """One figure. It has colour only while something is wrong (`role`)."""

    picked = Signal()

    def __init__(self, title: str, number: int, unit: str = "") -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self._title = title
        self._number = number
        self._unit = unit
        self._text = "–"
        self._of = ""
        self._role = ""
        self._values = trend.EMPTY_TREND.values[0]
        self._band: tuple[float, float] | None = None
        self._stale = False

    def sizeHint(self) -> QSize:
        return QSize(180, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(96, HEIGHT)

    def show_value(self, latest: FleetTrend, *, of: str = "", role: str = "", stale: bool = False) -> None:
        """Take over the newest trend; `of` is the quiet rest (`of 300`)."""
        value = latest.now(self._number)
        whole = self._number in {trend.ONLINE, trend.WRONG, trend.MOVING}
        self._text = "–" if np.isnan(value) else f"{value:,.0f}" if whole else figure(value)
        self._of = of or self._unit
        self._role = role
        self._stale = stale
        self._values = latest.values[self._number]
        self._band = latest.bands.get(self._number)
        self.setAccessibleName(f"{self._title}: {self._text} {self._of}")
        self.setToolTip(self._explanation())
        self.update()

    def _explanation(self) -> str:
        if self._band is None:
            return f"{self._title}, last 15 minutes. The normal band appears after some hours of figures."
        low, high = (figure(value) for value in self._band)
        return f"{self._title}, last 15 minutes. Normally {low} to {high} {self._unit} (90 % of the last 7 days)."

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
        painter.setFont(font(SMALL, MEDIUM))
        painter.setPen(theme.colour("quiet"))
        room = self.width() - 2 * _PAD
        title = metrics(SMALL, MEDIUM).elidedText(self._title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(mirrored(painter, self.rect(), QRect(_PAD, 8, room, 16)), _LEFT, title)
        painter.setFont(font(FIGURE, SEMIBOLD))
        painter.setPen(theme.colour(self._role or ("quiet" if self._stale else "text")))
        painter.drawText(mirrored(painter, self.rect(), QRect(_PAD, 26, room, 34)), _LEFT, self._text)
        width = metrics(FIGURE, SEMIBOLD).horizontalAdvance(self._text)
        painter.setFont(font(BASE))
        painter.setPen(theme.colour("quiet"))
        of_rect = QRect(_PAD + width + 5, 30, room - width - 5, 30)
        painter.drawText(mirrored(painter, self.rect(), of_rect), _LEFT, self._of)
        left = _PAD + width + 5 + metrics(BASE).horizontalAdvance(self._of) + 14
        area = QRectF(max(left, self.width() - 128), 30, 0, 28)
        area.setRight(self.width() - _PAD)
        if area.width() >= 36 and np.count_nonzero(~np.isnan(self._values)) >= _LEAST_POINTS:
            colour = theme.colour(self._role or "quiet")
            low = 0.0 if self._number in {trend.WRONG, trend.MOVING} else None
            area = QRectF(mirrored(painter, self.rect(), area.toAlignedRect()))
            paint_sparkline(
                painter, area, self._values, colour, low=low, band=self._band, band_colour=theme.colour("band")
            )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.picked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.picked.emit()
        else:
            super().keyPressEvent(event)


class KeyFigures(QWidget):
    """Devices online, in need of attention, updating; inferences a second; latency."""

    picked = Signal(str)
    """A filter text that shows what the figure counts."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Key figures")
        self._online = KeyFigure("Online", trend.ONLINE)
        self._wrong = KeyFigure("Need attention", trend.WRONG)
        self._moving = KeyFigure("Updating", trend.MOVING)
        self._rate = KeyFigure("Inferences", trend.RATE, "/s")
        self._latency = KeyFigure("Latency p95, median device", trend.LATENCY, "ms")
        filters = {
            self._online: "!status:offline !status:unknown",
            self._wrong: "status:alarm | status:attention",
            self._moving: "status:updating",
            self._rate: "",
            self._latency: "",
        }

        for shown, text in filters.items():
            shown.picked.connect(lambda text=text: self.picked.emit(text))
        self.setLayout(row(*filters, spacing=8))

    def show_trend(self, latest: FleetTrend, devices: int, alarms: int, *, stale: bool) -> None:
        """Take over the newest figures."""
        wrong = latest.now(trend.WRONG)
        role = "" if not wrong > 0 else "alarm" if alarms else "attention"
        self._online.show_value(latest, of=f"of {devices:,}", stale=stale)
        self._wrong.show_value(latest, role=role, stale=stale)
        for shown in (self._moving, self._rate, self._latency):
            shown.show_value(latest, stale=stale)
