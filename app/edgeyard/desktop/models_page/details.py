"""The panel on the right of the Models page: what the chosen row is, what can be done with it, all evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit

from edgeyard.desktop.action import Action
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.models_page.details_facts import describe
from edgeyard.desktop.models_page.lab_facts import LabPicture
from edgeyard.desktop.models_page.model_rows import Row
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.fact_list import FactList
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import ElidedLabel, button, caption, column, row, tool_button

_NOTE_HEIGHT = 64
_MAX_NOTE = 2000


class NoteEdit(QPlainTextEdit):
    """The release note; emits `written` when it was changed and left."""

    written = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Release note")
        self.setPlaceholderText("No release note. Write what is new in it, for whoever decides about it.")
        self.setFixedHeight(_NOTE_HEIGHT)
        self.setTabChangesFocus(True)
        self._shown = ""

    def show_note(self, note: str) -> None:
        """Show a note, unless the person is writing."""
        if not self.hasFocus() or self.toPlainText() == self._shown:
            self._shown = note
            if self.toPlainText() != note:
                self.setPlainText(note)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        text = self.toPlainText()[:_MAX_NOTE]
        if text != self._shown:
            self._shown = text
            self.written.emit(text)


class ModelDetails(QFrame):
    """Shows one row of the tree; `close_wanted` when its cross is pressed."""

    close_wanted = Signal()
    note_written = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setMinimumWidth(300)
        self._title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self._stage = ElidedLabel("", role="quiet")
        close = tool_button("x", "Close the details (Esc)", self.close_wanted.emit)
        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(16, 8, 12, 4)
        self._buttons.setSpacing(8)
        self.note = NoteEdit()
        self.note.written.connect(self.note_written)
        self._note_title = caption("Release note")
        self._facts = FactList()
        head = row(column(self._title, self._stage, spacing=2), close, margins=(16, 12, 8, 0))
        head.setStretch(0, 1)
        head.setAlignment(close, Qt.AlignmentFlag.AlignTop)
        note = column(self._note_title, self.note, spacing=4, margins=(16, 8, 16, 0))
        layout = column(head, self._buttons, note, self._facts, margins=(1, 1, 1, 1))
        layout.setStretch(3, 1)
        self.setLayout(layout)
        self._shown_buttons: tuple[str, ...] = ()

    def show_row(
        self, chosen: Row, running: Mapping[str, int], actions: Sequence[Action], lab: LabPicture | None = None
    ) -> None:
        """Show a row, with the actions that can be done with it as buttons."""
        version = chosen.version
        self._title.setText(_title(chosen))
        self._stage.setText(_subtitle(chosen))
        self.note.setVisible(version is not None and chosen.variant is None)
        self._note_title.setVisible(self.note.isVisible() or (version is not None and chosen.variant is None))
        if version is not None:
            self.note.show_note(version.note)
        self._show_buttons([action for action in actions if not action.refusal()])
        self._facts.show_sections(describe(chosen, running, lab))

    def _show_buttons(self, actions: Sequence[Action]) -> None:
        wanted = tuple(action.id for action in actions)
        if wanted == self._shown_buttons:
            return
        self._shown_buttons = wanted
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for place, action in enumerate(actions):
            self._buttons.addWidget(button(action.title, action.run, primary=place == 0))
        self._buttons.addStretch(1)


def _title(chosen: Row) -> str:
    if chosen.variant is not None and chosen.version is not None:
        return f"{chosen.version.label} · {chosen.variant.name}"
    if chosen.version is not None:
        return chosen.version.label
    return chosen.model.name if chosen.model else ""


def _subtitle(chosen: Row) -> str:
    if chosen.variant is not None:
        return f"{chosen.variant.precision}, {words.size(chosen.variant.size_bytes)}"
    if chosen.version is not None:
        counter = f", release {chosen.version.release_counter}" if chosen.version.release_counter else ""
        return f"{evidence_words.stage(chosen.version)}{counter} · {words.size(chosen.version.source_size_bytes)}"
    return words.count(len(chosen.model.versions), "version") if chosen.model else ""
