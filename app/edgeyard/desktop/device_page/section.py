"""The parts of a device's view that are text: facts, problems, slots, what it ran, what it said, its labels."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from edgeyard.desktop.device_page.device_words import Entry
from edgeyard.desktop.device_page.problem import Problem
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import ElidedLabel, column, label, row
from edgeyard.domain.device import DeviceStatus

_GROUNDS = {DeviceStatus.ALARM: "alarm_ground", DeviceStatus.ATTENTION: "attention_ground"}


class ProblemBox(QFrame):
    """One problem: what it is, what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._status = problem.status
        self.setAccessibleName(f"{problem.what} {problem.todo}")
        self._what = label(problem.what, weight=MEDIUM, wrap=True)
        self._todo = label(problem.todo, wrap=True)
        # Layouts mirror what is in them, not their margins.
        self.setLayout(row(34, column(self._what, self._todo, spacing=2), 12, margins=(0, 8, 0, 8)))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(_GROUNDS.get(self._status, "hover")))
        painter.drawRoundedRect(self.rect(), 4, 4)
        StatusShape.paint(painter, QRectF(mirrored(painter, self.rect(), QRect(10, 9, 16, 16))), self._status)


class ProblemList(QWidget):
    """All problems of a device, the worst first."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[Problem] = []
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.setLayout(self._column)

    def show_problems(self, problems: list[Problem]) -> None:
        """Take over the list; boxes are made anew only when it changed."""
        if problems == self._shown:
            return
        self._shown = problems
        empty(self._column)
        for problem in problems:
            self._column.addWidget(ProblemBox(problem))
        self.setVisible(bool(problems))


class FactGrid(QWidget):
    """Names on the left, values on the right; values can be copied."""

    def __init__(self, names: Sequence[str], columns: int = 1) -> None:
        super().__init__()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        self._values: dict[str, QLabel] = {}
        per_column = -(-len(names) // columns)
        for number, name in enumerate(names):
            line, side = number % per_column, number // per_column
            value = ElidedLabel("", BASE)
            value.setAccessibleName(name)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._values[name] = value
            grid.addWidget(label(name, role="quiet"), line, side * 2)
            grid.addWidget(value, line, side * 2 + 1)
            grid.setColumnStretch(side * 2 + 1, 1)
            grid.setColumnMinimumWidth(side * 2, 84)
        self.setLayout(grid)

    def show_fact(self, name: str, text: str, tooltip: str = "") -> None:
        """Set one value; an empty one is a dash, a name that is not in the grid is passed over."""
        value = self._values.get(name)
        if value is None:
            return
        if value.text() != (text or "–"):
            value.setText(text or "–")
        if tooltip:
            value.setToolTip(tooltip)


class EntryList(QWidget):
    """Lines with a time, a text and, where something is wrong, its shape. Wraps to three lines."""

    def __init__(self, nothing: str) -> None:
        super().__init__()
        self._shown: list[Entry] = []
        self._nothing = label(nothing, role="quiet", wrap=True)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.setLayout(column(self._nothing, self._column))

    def show_entries(self, entries: list[Entry]) -> None:
        """Take over the list."""
        self._nothing.setVisible(not entries)
        if entries == self._shown:
            return
        self._shown = entries
        empty(self._column)
        for entry in entries:
            self._column.addWidget(_EntryLine(entry))


class _EntryLine(QWidget):
    def __init__(self, entry: Entry) -> None:
        super().__init__()
        when, text, self._severity, tooltip = entry
        self._text = label(text, wrap=True)
        time = label(when, SMALL, "quiet")
        time.setToolTip(tooltip)
        self.setLayout(row(18, column(time, self._text)))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        wrong = {"alarm": DeviceStatus.ALARM, "attention": DeviceStatus.ATTENTION}.get(self._severity)
        painter = QPainter(self)
        if wrong is not None:
            StatusShape.paint(painter, QRectF(mirrored(painter, self.rect(), QRect(0, 1, 14, 14))), wrong)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("line"))
            painter.drawEllipse(QRectF(mirrored(painter, self.rect(), QRect(5, 6, 5, 5))))


class Chips(QWidget):
    """Labels as small plates, wrapped into lines."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Labels")

    def show_texts(self, texts: list[str]) -> None:
        """Take over the labels."""
        if texts != self._texts:
            self._texts = texts
            self.setAccessibleDescription(", ".join(texts))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(240))

    def heightForWidth(self, width: int) -> int:
        boxes = self._boxes(width)
        return int(boxes[-1].bottom()) + 1 if boxes else 0

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(SMALL))
        for text, place in zip(self._texts, self._boxes(self.width()), strict=True):
            box = QRectF(mirrored(painter, self.rect(), place.toRect()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("hover"))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(theme.colour("text"))
            shown = metrics(SMALL).elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()) - 12)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), shown)

    def _boxes(self, width: int) -> list[QRectF]:
        boxes: list[QRectF] = []
        x, y = 0.0, 0.0
        for text in self._texts:
            wide = min(float(width), metrics(SMALL).horizontalAdvance(text) + 14.0)
            if x and x + wide > width:
                x, y = 0.0, y + 26
            boxes.append(QRectF(x, y, wide, 22))
            x += wide + 6
        return boxes


def empty(layout: QVBoxLayout) -> None:
    """Take all widgets out of a layout and let them go."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
