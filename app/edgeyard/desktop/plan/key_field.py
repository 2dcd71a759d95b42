"""Which key signs, and the passphrase that opens it, where one is needed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from edgeyard.desktop.plan.signing_key import KeyState, passphrase_trouble
from edgeyard.desktop.widget.basic import column, label, row

_FIELD_WIDTH = 200


class KeyField(QWidget):
    """A sentence, and up to two fields: a new key's passphrase is typed twice."""

    changed = Signal()
    submitted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: KeyState | None = None
        self._sentence = label("Looking for the signing key…", role="quiet", wrap=True)
        self.passphrase_field = _secret("Passphrase")
        self.repeat_field = _secret("Passphrase again")
        self._fields = QWidget()
        self._fields.setLayout(row(self.passphrase_field, self.repeat_field, None, spacing=8))
        self.setLayout(column(self._sentence, self._fields, spacing=6))
        for field in (self.passphrase_field, self.repeat_field):
            field.textChanged.connect(lambda _text: self.changed.emit())
            field.returnPressed.connect(self.submitted)
        self._fields.hide()

    def show_key(self, state: KeyState) -> None:
        """Name the key and ask for what opens it."""
        self._state = state
        self._sentence.setText(state.sentence)
        self._fields.setVisible(state.asks_passphrase)
        self.repeat_field.setVisible(not state.exists)

    def show_signed(self, words: str) -> None:
        """The version is signed already: no key is needed."""
        self._state = None
        self._sentence.setText(words)
        self._fields.hide()

    def passphrase(self) -> str:
        """What was typed."""
        return self.passphrase_field.text()

    def trouble(self) -> str:
        """Why it cannot be signed with what was typed, or nothing."""
        if self._state is None:
            return ""
        return passphrase_trouble(self._state, self.passphrase(), self.repeat_field.text())

    def forget(self) -> None:
        """Clear what was typed."""
        self.passphrase_field.clear()
        self.repeat_field.clear()


def _secret(name: str) -> QLineEdit:
    made = QLineEdit()
    made.setEchoMode(QLineEdit.EchoMode.Password)
    made.setPlaceholderText(name)
    made.setAccessibleName(name)
    made.setFixedWidth(_FIELD_WIDTH)
    return made
