"""Signing a version by itself, without rolling it out."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.key_field import KeyField
from edgeyard.desktop.plan.signing_key import KeyState, make_unlock, read_key_state
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.widget.basic import button, column, label, row
from edgeyard.domain.error import UserError
from edgeyard.domain.model import ModelVersion

_WHAT_IT_MEANS = (
    "Signing says that you vouch for these variants: devices install nothing that is not signed. What is signed can no "
    "longer be changed or deleted. It goes to no device by this."
)


class SignDialog(QDialog):
    """Names the key, asks for what opens it, uploads and signs."""

    def __init__(self, desk: Desk, version: ModelVersion) -> None:
        super().__init__(desk.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Sign {version.label}")
        self.setFixedWidth(520)
        self._desk = desk
        self._version = version
        self._state: KeyState | None = None
        self._busy = False
        self.key = KeyField()
        self.trouble = TroubleLine()
        self.step = label(role="quiet")
        self.cancel = button("Cancel", self.reject)
        self.sign = button("Sign", self._on_sign, primary=True)
        self.sign.setEnabled(False)
        self.setLayout(
            column(
                label(f"Sign {version.label}", LARGE, weight=SEMIBOLD),
                4,
                label(_WHAT_IT_MEANS, role="quiet", wrap=True),
                16,
                self.key,
                12,
                self.trouble,
                12,
                row(self.step, None, self.cancel, self.sign, spacing=8),
                margins=(20, 16, 20, 16),
            )
        )
        self.key.submitted.connect(self._on_sign)
        desk.bridge.run(read_key_state, while_alive(self, self._on_key), while_alive(self, self.trouble.show_error))

    def _on_key(self, state: KeyState) -> None:
        self._state = state
        self.key.show_key(state)
        self.sign.setEnabled(True)
        (self.key.passphrase_field if state.asks_passphrase else self.sign).setFocus()

    def _on_sign(self) -> None:
        state = self._state
        if state is None or self._busy:
            return
        trouble = self.key.trouble()
        self.trouble.say(trouble)
        if trouble:
            return
        self._show_busy(busy=True)
        version_id, passphrase = self._version.id, self.key.passphrase()
        tell, post = while_alive(self, self.step.setText), self._desk.bridge.post

        def work(workspace: Workspace) -> None:
            from edgeyard.commands.release_signing import sign_version

            unlock = make_unlock(state, passphrase)
            sign_version(workspace, version_id, unlock, lambda text: post(lambda: tell(text)))

        self._desk.bridge.run(work, while_alive(self, self._on_signed), while_alive(self, self._on_failed))

    def _on_signed(self, _nothing: None) -> None:
        self.key.forget()
        self._desk.say(Notice(f"{self._version.label} is signed."))
        self.accept()

    def _on_failed(self, error: UserError) -> None:
        self._show_busy(busy=False)
        self.trouble.show_error(error)

    def _show_busy(self, *, busy: bool) -> None:
        self._busy = busy
        self.key.setEnabled(not busy)
        self.sign.setEnabled(not busy)
        self.step.setText("Opening the key" if busy else "")
