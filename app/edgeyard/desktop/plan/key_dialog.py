"""What dialogs have in common that do one thing with a signing key: name the key, open it, work, say how it went."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLayout, QWidget

from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.key_field import KeyField
from edgeyard.desktop.plan.signing_key import KeyState, make_unlock
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.widget.basic import button, column, label, row
from edgeyard.domain.error import UserError
from edgeyard.trust.key_vault import Unlock

Work = Callable[[Workspace, Unlock, Callable[[str], None]], object]
"""What is done on a worker with the opened key; the last argument says at what it is."""
_WIDTH = 520


class KeyDialog(QDialog):
    """Subclasses call `_arrange` and `_show_key`, and give `_prepare`."""

    def __init__(self, desk: Desk, title: str, verb: str) -> None:
        super().__init__(desk.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setFixedWidth(_WIDTH)
        self._desk = desk
        self._key_state: KeyState | None = None
        self._busy = False
        self.key = KeyField()
        self.key.submitted.connect(self._on_proceed)
        self.trouble = TroubleLine()
        self.step = label(role="quiet")
        self.cancel = button("Cancel", self.reject)
        self.proceed = button(verb, self._on_proceed, primary=True)
        self.proceed.setEnabled(False)

    def _arrange(self, what_it_means: str, *parts: QWidget | QLayout | int) -> None:
        self.setLayout(
            column(
                label(self.windowTitle(), LARGE, weight=SEMIBOLD), 4, label(what_it_means, role="quiet", wrap=True),
                16, *parts, self.key, 12, self.trouble, 12,
                row(self.step, None, self.cancel, self.proceed, spacing=8),
                margins=(20, 16, 20, 16),
            )
        )  # fmt: skip

    def _prepare(self) -> tuple[Work, str]:
        """What to do when the person says so, and what to say when it is done."""
        raise NotImplementedError

    def _obstacle(self) -> bool:
        """Whether something is missing besides the key."""
        return False

    def _show_key(self, state: KeyState) -> None:
        self._key_state = state
        self.key.show_key(state)
        self._check()
        (self.key.passphrase_field if state.asks_passphrase else self.proceed).setFocus()

    def _check(self) -> None:
        self.proceed.setEnabled(self._key_state is not None and not self._busy and not self._obstacle())

    def _on_proceed(self) -> None:
        state = self._key_state
        if state is None or self._busy or self._obstacle():
            return
        trouble = self.key.trouble()
        self.trouble.say(trouble)
        if trouble:
            return
        self._show_busy(busy=True)
        work, said = self._prepare()
        passphrase, post = self.key.passphrase(), self._desk.bridge.post
        tell = while_alive(self, self.step.setText)

        def run(workspace: Workspace) -> None:
            work(workspace, make_unlock(state, passphrase), lambda text: post(lambda: tell(text)))

        done = while_alive(self, lambda _: self._on_done(said))
        self._desk.bridge.run(run, done, while_alive(self, self._on_failed))

    def _on_done(self, said: str) -> None:
        self.key.forget()
        self._desk.say(Notice(said))
        self.accept()

    def _on_failed(self, error: UserError) -> None:
        self._show_busy(busy=False)
        self.trouble.show_error(error)

    def _show_busy(self, *, busy: bool) -> None:
        self._busy = busy
        self.key.setEnabled(not busy)
        self._check()
        self.step.setText("Opening the key" if busy else "")
