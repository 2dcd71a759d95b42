"""F1: every shortcut on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QWidget

from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD
from edgeyard.desktop.widget.basic import button, caption, column, label, row

Section = tuple[str, Sequence[tuple[str, str]]]
"""A heading, and (keys, what they do)."""


class ShortcutList(QDialog):
    """Keys and what they do, by place."""

    def __init__(self, window: QWidget, sections: Sequence[Section]) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard")
        self.setAccessibleName("Keyboard shortcuts")
        content = QWidget()
        content.setProperty("ground", "panel")
        columns = row(spacing=40, margins=(20, 12, 20, 16))
        halves = [column(spacing=4), column(spacing=4)]
        lines = [0, 0]
        for title, keys in sections:
            half = 0 if lines[0] <= lines[1] else 1
            lines[half] += len(keys) + 2
            halves[half].addSpacing(12)
            halves[half].addWidget(caption(title))
            halves[half].addLayout(_grid(keys))
        for half_layout in halves:
            half_layout.addStretch(1)
            columns.addLayout(half_layout, 1)
        content.setLayout(columns)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(content)
        scroll.setAccessibleName("All shortcuts")
        close = button("Close", self.close)
        heading = label("Keyboard", LARGE, weight=SEMIBOLD)
        self.setLayout(
            column(
                row(heading, margins=(20, 16, 20, 8)),
                scroll,
                row(None, close, margins=(20, 10, 20, 14)),
            )
        )
        self.resize(860, 640)


def _grid(keys: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnMinimumWidth(0, 150)
    grid.setColumnStretch(1, 1)
    for number, (key, words) in enumerate(keys):
        grid.addWidget(label(key, weight=MEDIUM), number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(words, role="quiet", wrap=True), number, 1)
    return grid
