"""Sections of facts as widgets: a name, a figure that can be copied, and the sentence behind it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from edgeyard.desktop.look.font import SMALL
from edgeyard.desktop.plan.fact import Fact, Section
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.widget.basic import caption, label, tool_button

_NAME_WIDTH = 116


class FactList(QScrollArea):
    """Scrolls; shows what it was last given, and rebuilds only when that is something else."""

    def __init__(self, name_width: int = _NAME_WIDTH) -> None:
        super().__init__()
        self._name_width = name_width
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Details")
        self._shown: list[Section] = []

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Show these sections from the top, or leave everything where it is when they are the same."""
        if list(sections) == self._shown:
            return
        same_subject = [section.title for section in sections] == [section.title for section in self._shown]
        place = self.verticalScrollBar().value() if same_subject else 0
        self._shown = list(sections)
        self.setWidget(_body(sections, self._name_width))
        self.verticalScrollBar().setValue(place)


def _body(sections: Sequence[Section], name_width: int) -> QWidget:
    body = ScrollBody()
    layout = QVBoxLayout(body)
    layout.setContentsMargins(16, 4, 12, 16)
    layout.setSpacing(4)
    for section in sections:
        layout.addSpacing(12)
        layout.addWidget(caption(section.title))
        layout.addLayout(_grid(section, name_width))
    layout.addStretch(1)
    return body


def _grid(section: Section, name_width: int) -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(2)
    grid.setColumnMinimumWidth(0, name_width)
    grid.setColumnStretch(1, 1)
    for fact in section.facts:
        _add_fact(grid, fact)
    return grid


def _add_fact(grid: QGridLayout, fact: Fact) -> None:
    line = grid.rowCount()
    if fact.name or fact.value:
        grid.addWidget(label(fact.name, role="quiet", wrap=True), line, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(_value(fact), line, 1, 1, 1 if fact.copy else 2)
        if fact.copy:
            grid.addWidget(_copy_button(fact), line, 2, Qt.AlignmentFlag.AlignTop)
        line += 1
    if fact.sentence:
        sentence = label(fact.sentence, SMALL if fact.name else 13, "quiet" if fact.name else "", wrap=True)
        sentence.setContentsMargins(0, 0, 0, 6)
        grid.addWidget(sentence, line, 0, 1, 3)


def _value(fact: Fact) -> QLabel:
    value = label(fact.value, wrap=True)
    value.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    value.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    value.setAccessibleName(f"{fact.name}: {fact.value}")
    if fact.copy:
        value.setToolTip(fact.copy)
    return value


def _copy_button(fact: Fact) -> QWidget:
    made = tool_button("copy", f"Copy {fact.name}", lambda: QGuiApplication.clipboard().setText(fact.copy))
    made.setFixedSize(24, 20)
    return made
