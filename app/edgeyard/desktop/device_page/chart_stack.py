"""Charts of one device under each other, over one time: linked cross-hair, normal wheel and drag, events as marks.

pyqtgraph is imported here and nowhere earlier: the first chart pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent
from PySide6.QtWidgets import QMenu, QWidget

from edgeyard.desktop.device_page.series import Chart, Mark, last_value, value_at
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import SMALL, font
from edgeyard.desktop.widget.basic import column, label
from edgeyard.desktop.widget.words import both_clocks, figure

_AXIS_WIDTH = 44
_LEAST_HEIGHT, _MOST_HEIGHT = 92, 150
_TIME_HEIGHT = 22


class _TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """Local clock times."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        del scale
        form = "%H:%M:%S" if spacing < 60 else "%H:%M" if spacing < 86_400 else "%m-%d"
        return [datetime.fromtimestamp(value).astimezone().strftime(form) if value > 0 else "" for value in values]

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        span = max(high - low, 1.0)
        wanted = span / max(2.0, size / 90)
        steps = (5, 10, 30, 60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
        return [(float(next((step for step in steps if step >= wanted), 86_400)), 0.0)]


class _Plot:
    """One chart's items inside the shared canvas."""

    def __init__(self, canvas: Any, row: int, chart: Chart, *, last: bool) -> None:
        self.chart = chart
        axis = _TimeAxis(orientation="bottom")
        self.item: Any = canvas.addPlot(row=row, col=0, axisItems={"bottom": axis})
        self.item.setMenuEnabled(False)
        # pyqtgraph makes this menu all the same, as windows that belong to nobody and outlive the charts.
        self.menu: QMenu = self.item.ctrlMenu
        self.menu.setParent(canvas, self.menu.windowFlags())
        self.item.hideButtons()
        self.item.setMouseEnabled(x=True, y=False)
        self.item.getViewBox().setAutoVisible(y=True)
        self.item.getAxis("left").setWidth(_AXIS_WIDTH)
        axis.setStyle(showValues=last)
        axis.setHeight(_TIME_HEIGHT if last else 4)
        self.curves = [self.item.plot(connect="finite") for _ in chart.lines]
        self.cross: Any = pg.InfiniteLine(angle=90, movable=False)
        self.cross.hide()
        self.item.addItem(self.cross, ignoreBounds=True)
        self.marks: list[Any] = []
        self.band: Any = pg.LinearRegionItem(orientation="horizontal", movable=False)
        self.band.setZValue(-20)
        self.band.hide()
        self.item.addItem(self.band, ignoreBounds=True)

    def paint_theme(self) -> None:
        """Take over the theme's colours."""
        palette = theme.current()
        for name in ("left", "bottom"):
            axis = self.item.getAxis(name)
            axis.setPen(pg.mkPen(palette.line))
            axis.setTextPen(pg.mkPen(palette.quiet))
            axis.setStyle(tickFont=font(SMALL), tickLength=-3, tickTextOffset=4)
        self.item.showGrid(x=False, y=True, alpha=0.12)
        for curve, colour in zip(self.curves, palette.series, strict=False):
            curve.setPen(pg.mkPen(colour, width=1))
        self.cross.setPen(pg.mkPen(palette.quiet, width=1))
        self.band.setBrush(QColor(palette.band))
        for edge in self.band.lines:
            edge.setPen(pg.mkPen(None))
        self.show_title(None)

    def show_title(self, at: float | None) -> None:
        """The chart's name, and each line's value in its colour: under the cross-hair, or the newest."""
        palette, chart = theme.current(), self.chart
        parts = [f'<span style="color:{palette.text}">{chart.title}</span>']
        for line, colour in zip(chart.lines, palette.series, strict=False):
            value = last_value(line) if at is None else value_at(line, at)
            words = f"{figure(value)} {chart.unit}"
            if len(chart.lines) > 1:
                words = f"{line.name} {words}"
            parts.append(f'<span style="color:{colour if len(chart.lines) > 1 else palette.quiet}">{words}</span>')
        self.item.setTitle("&nbsp;&nbsp; ".join(parts), color=palette.quiet, size="11px", justify="left")

    def show_chart(self, chart: Chart) -> None:
        """New figures."""
        self.chart = chart
        for curve, line in zip(self.curves, chart.lines, strict=True):
            curve.setData(line.x, line.y)
        self.band.setVisible(chart.band is not None)
        if chart.band is not None:
            self.band.setRegion(chart.band)
        if not self.cross.isVisible():
            self.show_title(None)
        values = np.concatenate([line.y[np.isfinite(line.y)] for line in chart.lines])
        if len(values):
            low, high = float(values.min()), float(values.max())
            low = min(low, chart.floor) if chart.floor is not None else low - max(1.0, (high - low) * 0.2)
            high = high + max((high - low) * 0.12, 1e-6 if chart.floor is None else max(high * 0.05, 0.01))
            self.item.setYRange(low, max(high, low + chart.reach), padding=0.0)

    def show_marks(self, marks: Sequence[Mark]) -> None:
        """Vertical lines where something happened."""
        for old in self.marks:
            self.item.removeItem(old)
        palette = theme.current()
        self.marks = []
        for mark in marks:
            pen = pg.mkPen(getattr(palette, mark.role), width=1, style=Qt.PenStyle.DashLine)
            made = pg.InfiniteLine(mark.at, angle=90, movable=False, pen=pen)
            self.item.addItem(made, ignoreBounds=True)
            self.marks.append(made)


class ChartStack(QWidget):
    """Shows the charts that have something to show."""

    export_asked = Signal(object)
    """Where the context menu for export is wanted (global position)."""

    def __init__(self) -> None:
        super().__init__()
        pg.setConfigOptions(antialias=True)
        self._plots: list[_Plot] = []
        self._titles: tuple[str, ...] = ()
        self._marks: tuple[Mark, ...] = ()
        self._range: tuple[float, float] = (0.0, 1.0)
        self._follows = True
        self._room = 0
        self.canvas: Any = pg.GraphicsLayoutWidget()
        self.canvas.setAccessibleName("Charts")
        self.canvas.viewport().setAccessibleName("Charts")
        self.canvas.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.canvas.ci.layout.setVerticalSpacing(0)
        self.canvas.scene().sigMouseMoved.connect(self._on_moved)
        self.canvas.scene().sigMouseClicked.connect(self._on_clicked)
        self.canvas.installEventFilter(self)
        self.readout = label("", SMALL, "quiet")
        self.readout.setMinimumHeight(16)
        self.setLayout(column(self.readout, self.canvas))

    def show_charts(self, charts: Sequence[Chart], marks: Sequence[Mark], low: float, high: float) -> None:
        """New figures for the range `low` to `high` (Unix seconds)."""
        shown = [chart for chart in charts if not chart.empty]
        titles = tuple(chart.title for chart in shown)
        if titles != self._titles:
            self._rebuild(shown, titles)
        for plot, chart in zip(self._plots, shown, strict=True):
            plot.show_chart(chart)
        inside = tuple(mark for mark in marks if low <= mark.at <= high)
        if inside != self._marks:
            self._marks = inside
            for plot in self._plots:
                plot.show_marks(inside)
        self._range = (low, high)
        if self._follows and self._plots:
            self._plots[0].item.setXRange(low, high, padding=0.0)

    def paint_theme(self) -> None:
        """Take over the theme's colours."""
        self.canvas.setBackground(QColor(theme.current().panel))
        marks, self._marks = self._marks, ()
        for plot in self._plots:
            plot.paint_theme()
            plot.show_marks(marks)
        self._marks = marks

    def charts(self) -> list[Chart]:
        """What is shown, for export."""
        return [plot.chart for plot in self._plots]

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.paint_theme()
        super().changeEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.export_asked.emit(event.globalPos())

    def _rebuild(self, shown: Sequence[Chart], titles: tuple[str, ...]) -> None:
        self.canvas.clear()
        for plot in self._plots:
            plot.menu.deleteLater()
        self._titles, self._marks = titles, ()
        self._plots = [_Plot(self.canvas, row, chart, last=row == len(shown) - 1) for row, chart in enumerate(shown)]
        for plot in self._plots[1:]:
            plot.item.setXLink(self._plots[0].item)
        self._set_height()
        self.paint_theme()

    def fit(self, room: int) -> None:
        """Let the charts share `room` pixels, within what is good for one."""
        if room != self._room:
            self._room = room
            self._set_height()

    def _set_height(self) -> None:
        number = max(1, len(self._plots))
        each = min(max(self._room // number, _LEAST_HEIGHT), _MOST_HEIGHT)
        self.canvas.setFixedHeight(number * each + _TIME_HEIGHT)

    def _on_moved(self, point: QPointF) -> None:
        over = next((plot for plot in self._plots if plot.item.sceneBoundingRect().contains(point)), None)
        if over is None:
            self._hide_cross()
            return
        x = float(over.item.getViewBox().mapSceneToView(point).x())
        for plot in self._plots:
            plot.cross.setPos(x)
            plot.cross.show()
            plot.show_title(x)
        near = [mark for mark in self._marks if abs(mark.at - x) < (self._range[1] - self._range[0]) / 80]
        clocks = both_clocks(x).replace("\n", "  ·  ")
        self.readout.setText(f"{near[0].text}" if near else clocks)
        self.canvas.setToolTip("")

    def _hide_cross(self) -> None:
        self.readout.setText("")
        for plot in self._plots:
            if plot.cross.isVisible():
                plot.cross.hide()
                plot.show_title(None)

    def _on_clicked(self, event: Any) -> None:
        if event.double():
            self._follows = True
            if self._plots:
                self._plots[0].item.setXRange(*self._range, padding=0.0)
        elif event.button() == Qt.MouseButton.RightButton:
            self.export_asked.emit(event.screenPos().toPoint())
        event.accept()

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hide_cross()
        elif event.type() in {QEvent.Type.Wheel, QEvent.Type.MouseButtonPress}:
            # From here on the person chooses the range, until a double click.
            self._follows = False
        return super().eventFilter(watched, event)
