"""The filter over the devices: says at once what is wrong with it, and explains its language."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL
from edgeyard.desktop.look.icon import icon
from edgeyard.desktop.shell.popover import Popover
from edgeyard.desktop.widget.basic import column, label, row, tool_button
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import Filter, parse_filter

_PAUSE_MS = 120
_EXAMPLES = (
    ("press", "“press” in the id, model or a label"),
    ("line=3", "a label; line=* for any value"),
    ("hw:pi5", "hardware profile"),
    ("status:alarm", "alarm, attention, updating, offline, unknown, healthy"),
    ("model:yard-vision version<3", "what runs"),
    ("p95>20", "latency in ms; also cpu, temp, seen (seconds ago)"),
    ("hall=a line=3", "both"),
    ("hall=a | hall=b", "either"),
    ("!status:offline", "not"),
    ("(hw:pi4 | hw:pi5) state:*", "parentheses group; * is anything"),
    ('"two words"', "quotation marks keep spaces"),
)


class FilterField(QLineEdit):
    """Esc empties it; Down goes to the table."""

    left_down = Signal()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            # The window's Esc closes the details; a filter that stands here goes first.
            mine = event.key() == Qt.Key.Key_Escape and bool(self.text())
            if mine:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() == Qt.Key.Key_Down:
            self.left_down.emit()
        else:
            super().keyPressEvent(event)


class FilterBox(QWidget):
    """A field, the sentence under it when it cannot be read, and help."""

    changed = Signal(object)
    """A `Filter` that parsed. A broken one changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.field = FilterField()
        self.field.setAccessibleName("Filter devices")
        self.field.setPlaceholderText("Filter: hw:pi5 line=3 !status:offline")
        self.field.setClearButtonEnabled(True)
        self.field.addAction(icon("filter"), QLineEdit.ActionPosition.LeadingPosition)
        self.field.textChanged.connect(self._on_text_changed)
        self._wrong = label("", SMALL, "attention")
        self._wrong.hide()
        self._help = tool_button("circle-help", "How to filter", self._explain)
        line = row(self.field, self._help, spacing=4)
        line.setStretch(0, 1)
        self.setLayout(column(line, self._wrong, spacing=2))
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._apply)

    def text(self) -> str:
        """What stands in the field."""
        return self.field.text()

    def set_text(self, text: str) -> None:
        """Filter by `text` now."""
        self.field.setText(text)
        self._apply()

    def error(self) -> str:
        """What is wrong with the filter, or nothing."""
        return self._wrong.text() if self._wrong.isVisibleTo(self) else ""

    def _on_text_changed(self) -> None:
        self._pause.start()

    def _apply(self) -> None:
        self._pause.stop()
        try:
            wanted: Filter = parse_filter(self.field.text())
        except UserError as error:
            self._show_error(f"{error.what} {error.todo}")
            return
        self._show_error("")
        self.changed.emit(wanted)

    def _show_error(self, text: str) -> None:
        self._wrong.setText(text)
        self._wrong.setVisible(bool(text))
        self.field.setAccessibleDescription(text)
        if bool(self.field.property("wrong") == "true") != bool(text):
            self.field.setProperty("wrong", "true" if text else "false")
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)

    def _explain(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for number, (example, words) in enumerate(_EXAMPLES):
            grid.addWidget(label(example, weight=MEDIUM), number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(words, role="quiet", wrap=True), number, 1)
        heading = label("Filtering devices", LARGE, weight=SEMIBOLD)
        intro = label("Terms next to each other must all hold. Case does not matter.", role="quiet", wrap=True)
        layout = column(heading, intro, 4, grid, spacing=6, margins=(16, 14, 16, 16))
        Popover(self._help, layout, "How to filter", 480).open()
