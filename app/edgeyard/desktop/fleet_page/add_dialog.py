"""Add devices: makes one-time join tokens and the command to run on each device."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QDialog, QPlainTextEdit, QSpinBox

from edgeyard.commands.release_signing import ensure_release_root
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL
from edgeyard.desktop.plan.key_field import KeyField
from edgeyard.desktop.plan.signing_key import KeyState, make_unlock, read_key_state
from edgeyard.desktop.widget.basic import button, column, dress_number, label, row, set_role
from edgeyard.desktop.widget.words import count
from edgeyard.domain.error import UserError
from edgeyard.domain.hardware import deployable_profiles

_HOURS = {"1 hour": 3600.0, "8 hours": 28_800.0, "3 days": 259_200.0}
_MOST = 100


@dataclass(frozen=True, slots=True)
class _Ready:
    has_root: bool
    key: KeyState


class AddDialog(QDialog):
    """Asks the hub for tokens; each is shown once."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.window)
        self._desk = desk
        self._ready: _Ready | None = None
        self._tokens: list[str] = []
        self.setWindowTitle("Add devices")
        self.setAccessibleName("Add devices")
        self.profile = QComboBox()
        self.profile.setAccessibleName("Hardware")
        for profile in deployable_profiles().values():
            self.profile.addItem(profile.title, profile.id)
        self.number = QSpinBox()
        self.number.setAccessibleName("How many devices")
        self.number.setRange(1, _MOST)
        dress_number(self.number)
        self.lifetime = QComboBox()
        self.lifetime.setAccessibleName("Tokens are good for")
        self.lifetime.addItems(list(_HOURS))
        self._key_why = label(
            "This site has no release root yet: devices learn at joining whose signatures to trust. It is made now.",
            role="quiet",
            wrap=True,
        )
        self.key = KeyField()
        self.key.changed.connect(self._check)
        self._verdict = label("", SMALL, "quiet", wrap=True)
        self.commands = QPlainTextEdit()
        self.commands.setAccessibleName("Join commands, one a device")
        self.commands.setReadOnly(True)
        self.commands.setMinimumHeight(110)
        self.make = button("Make join commands", self._on_make, primary=True)
        self.copy = button("Copy all", self._on_copy)
        self._head = label(
            "Run one command on each device, where Edgeyard's agent is installed. A token works once.",
            role="quiet",
            wrap=True,
        )
        self.setLayout(
            column(
                label("Add devices", LARGE, weight=SEMIBOLD), self._head, 10,
                row(
                    column(label("Hardware", SMALL, "quiet", MEDIUM), self.profile, spacing=4),
                    column(label("Devices", SMALL, "quiet", MEDIUM), self.number, spacing=4),
                    column(label("Good for", SMALL, "quiet", MEDIUM), self.lifetime, spacing=4),
                    spacing=12,
                ),
                8, self._key_why, self.key, self._verdict, self.commands, 8,
                row(None, self.copy, button("Close", self.close), self.make, spacing=8),
                spacing=4, margins=(20, 16, 20, 16),
            )
        )  # fmt: skip
        self.setMinimumWidth(540)
        for widget in (self._key_why, self.key, self.commands, self.copy):
            widget.hide()
        self.make.setEnabled(False)
        self._say("Asking the hub…", "quiet")
        desk.bridge.run(_look, self._on_ready, self._on_failed)

    def _on_ready(self, ready: _Ready) -> None:
        self._ready = ready
        self._key_why.setVisible(not ready.has_root)
        self.key.setVisible(not ready.has_root)
        if not ready.has_root:
            self.key.show_key(ready.key)
        self._say("", "quiet")
        self._check()

    def _check(self) -> None:
        ready = self._ready
        trouble = self.key.trouble() if ready is not None and not ready.has_root else ""
        self._say(trouble, "quiet")
        self.make.setEnabled(ready is not None and not trouble)

    def _on_make(self) -> None:
        ready = self._ready
        if ready is None:
            return
        number, profile = self.number.value(), str(self.profile.currentData())
        ttl_s = _HOURS[self.lifetime.currentText()]
        passphrase = self.key.passphrase()

        def work(workspace: Workspace) -> list[str]:
            if not ready.has_root:
                ensure_release_root(workspace, make_unlock(ready.key, passphrase))
            hub = workspace.hub()
            try:
                return hub.create_tokens("device", count=number, hardware_profile=profile, ttl_s=ttl_s)
            finally:
                hub.close()

        self.make.setEnabled(False)
        self._say("Making tokens…", "quiet")
        self._desk.bridge.run(work, lambda tokens: self._on_tokens(tokens, profile), self._on_failed)

    def _on_tokens(self, tokens: list[str], profile: str) -> None:
        self.key.forget()
        self._tokens = tokens
        self.commands.setPlainText("\n\n".join(join_command(token, profile, n) for n, token in enumerate(tokens, 1)))
        self.commands.show()
        self.copy.show()
        self._key_why.hide()
        self.key.hide()
        words = f"{count(len(tokens), 'command')}, good for {self.lifetime.currentText()}."
        self._say(f"{words} They are not shown again. Set --id to each device's name, --input to its samples.", "quiet")
        self.make.setEnabled(True)
        self.make.setText("Make more")

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.commands.toPlainText())
        self._desk.say(Notice(f"Copied {count(len(self._tokens), 'join command')}."))

    def _on_failed(self, error: UserError) -> None:
        self._say(f"{error.what} {error.todo}", "attention")
        self.make.setEnabled(self._ready is not None)

    def _say(self, text: str, role: str) -> None:
        self._verdict.setText(text)
        set_role(self._verdict, role)


def join_command(token: str, profile: str, number: int) -> str:
    """What to run on one device; `--input` names the samples its model runs on."""
    return (
        f"edgeyard agent run --state ./edgeyard-agent --id device-{number:02} --profile {profile} --input samples.npz"
        f" --token {token}"
    )


def _look(workspace: Workspace) -> _Ready:
    hub = workspace.hub()
    try:
        return _Ready(hub.site().release_root, read_key_state(workspace))
    finally:
        hub.close()
