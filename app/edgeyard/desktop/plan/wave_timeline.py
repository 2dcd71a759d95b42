"""The waves of a plan as bars over time: when each would run, with its bytes and how many devices it exposes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, SMALL, font, metrics
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.widget import words
from edgeyard.domain.forecast import WaveForecast

_ROW = 44
_BAR = 12
_AXIS = 24
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 604_800)
_MOST_TICKS = 6


class WaveTimeline(QWidget):
    """One row a wave: name and devices, bytes and blast radius, and a bar on the common axis."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Waves over time")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._waves: tuple[WaveForecast, ...] = ()
        self._all = 0

    def show_waves(self, waves: Sequence[WaveForecast], devices: int) -> None:
        """Draw these waves of a rollout to so many devices."""
        self._waves, self._all = tuple(waves), devices
        self.setAccessibleDescription(" ".join(self.row_text(wave) for wave in self._waves))
        self.updateGeometry()
        self.update()

    def row_text(self, wave: WaveForecast) -> str:
        """One wave in a sentence: its tooltip, and what a screen reader says."""
        share = wave.exposed / self._all if self._all else 0.0
        return (
            f"Wave {wave.index + 1} gives the version to {words.count(wave.devices, 'device')} "
            f"({words.size(wave.bytes)} over the network). If it is bad, {wave.exposed:,} of "
            f"{words.count(self._all, 'device')} ({share:.0%}) have met it by the end of this wave. It would run from "
            f"{evidence_words.duration(wave.start_s)} to {evidence_words.duration(wave.end_s)} after the start: "
            "download, self-test, trial, then watching. A forecast, not a promise."
        )

    def sizeHint(self) -> QSize:
        return QSize(360, _ROW * max(1, len(self._waves)) + _AXIS)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = event.pos().y() // _ROW
            if 0 <= row < len(self._waves):
                QToolTip.showText(event.globalPos(), self.row_text(self._waves[row]), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if not self._waves:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        end_s = max(self._waves[-1].end_s, 1.0)
        self._paint_axis(painter, end_s)
        for wave in self._waves:
            self._paint_wave(painter, wave, end_s)
        painter.end()

    def _paint_axis(self, painter: QPainter, end_s: float) -> None:
        bottom = _ROW * len(self._waves)
        painter.setFont(font(SMALL))
        for tick_s in ticks(end_s):
            x = self._x(tick_s, end_s)
            painter.setPen(theme.colour("line"))
            painter.drawLine(QPointF(x, 0), QPointF(x, bottom + 4))
            painter.setPen(theme.colour("quiet"))
            text = evidence_words.duration(tick_s) if tick_s else "Start"
            width = metrics(SMALL).horizontalAdvance(text)
            left = min(max(0.0, x - width / 2), self.width() - width)
            self._text(painter, QRectF(left, bottom + 6, width + 1, 16), text, at_end=False)

    def _paint_wave(self, painter: QPainter, wave: WaveForecast, end_s: float) -> None:
        top = wave.index * _ROW
        palette = theme.current()
        left, right = self._x(wave.start_s, end_s), self._x(wave.end_s, end_s)
        bar = QRectF(left, top + 24, max(3.0, right - left), _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(palette.band))
        painter.drawRoundedRect(QRectF(0, bar.top(), self.width(), _BAR), 2, 2)
        painter.setBrush(QColor(palette.accent))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setFont(font(BASE))
        painter.setPen(QColor(palette.text))
        name = f"Wave {wave.index + 1}"
        line = QRectF(0, top + 2, self.width(), 20)
        self._text(painter, line, name, at_end=False)
        painter.setPen(QColor(palette.quiet))
        facts = f"{words.count(wave.devices, 'device')} · {words.size(wave.bytes)}"
        self._text(painter, line.adjusted(metrics().horizontalAdvance(name) + 8, 0, 0, 0), facts, at_end=False)
        self._text(painter, line, f"{wave.exposed:,} of {self._all:,} exposed", at_end=True)

    def _text(self, painter: QPainter, box: QRectF, text: str, *, at_end: bool) -> None:
        """Text in `box`, whose coordinates are those of a left-to-right picture."""
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        painter.save()
        if mirrored:
            painter.scale(-1, 1)
            box = QRectF(-box.right(), box.top(), box.width(), box.height())
        side = Qt.AlignmentFlag.AlignRight if at_end != mirrored else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignAbsolute), text)
        painter.restore()

    def _x(self, at_s: float, end_s: float) -> float:
        return self.width() * at_s / end_s


def ticks(end_s: float) -> list[float]:
    """Round moments from 0 to `end_s` seconds, at most six steps."""
    step = next((nice for nice in _NICE_S if end_s / nice <= _MOST_TICKS), _NICE_S[-1])
    return [float(second) for second in range(0, int(end_s) + 1, step)]
