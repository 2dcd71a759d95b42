"""What a person can do with a rollout now, and what each would do, in one line."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.rollouts_page.picture import RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import act_effect, act_refusal, act_title, asked_text
from edgeyard.desktop.shell.popover import Popover
from edgeyard.desktop.widget.basic import ElidedLabel, button, column, label, row
from edgeyard.domain.controller import allowed_acts
from edgeyard.domain.rollout import RolloutAct

_ORDER = (RolloutAct.RESUME, RolloutAct.PAUSE, RolloutAct.UNDO, RolloutAct.ABORT)


class ActBar(QWidget):
    """A button for each act; those that the state does not allow are disabled. Emits `wanted`."""

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.hub_away = False
        """What is asked for now is carried out when the hub is back: said with every act."""
        self._picture: RolloutPicture | None = None
        self.buttons: dict[RolloutAct, QPushButton] = {}
        for act in _ORDER:
            made = button(act.value.capitalize(), partial(self.press, act))
            made.installEventFilter(self)
            self.buttons[act] = made
        self.effect = ElidedLabel(role="quiet")
        """The line under the title; placed by who shows this bar."""
        self._popover: Popover | None = None
        self.setLayout(row(*self.buttons.values(), spacing=8))

    def show_picture(self, picture: RolloutPicture) -> None:
        """Show what the state allows, and enable what makes sense."""
        self._picture = picture
        allowed = allowed_acts(picture.rollout.state)
        for act, made in self.buttons.items():
            title, refusal = act_title(act, picture), act_refusal(act, picture)
            made.setText(title)
            made.setVisible(act in allowed)
            made.setEnabled(not refusal)
            made.setToolTip(refusal or act_effect(act, picture))
            made.setAccessibleName(f"{title}: {made.toolTip()}")
        self._explain(self._explained())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.FocusIn, QEvent.Type.Leave, QEvent.Type.FocusOut):
            self._explain(self._explained())
        return super().eventFilter(watched, event)

    def _explained(self) -> RolloutAct | None:
        """The act under the pointer, else the one with the focus, else the first that can be done."""
        enabled = [act for act, made in self.buttons.items() if made.isEnabled()]
        for looks in (QPushButton.underMouse, QPushButton.hasFocus):
            found = next((act for act in enabled if looks(self.buttons[act])), None)
            if found is not None:
                return found
        return enabled[0] if enabled else None

    def _explain(self, act: RolloutAct | None) -> None:
        picture = self._picture
        if picture is None:
            return
        text = asked_text(picture.asked)
        if not text and act is not None:
            text = f"{act_title(act, picture).removesuffix('…')}: {act_effect(act, picture)}"
        if text and self.hub_away:
            text = f"The hub is away; this happens once it is back. {text}"
        if not text:
            # Nothing can be done: say why of what the state would allow.
            text = " ".join(made.toolTip() for made in self.buttons.values() if not made.isHidden())
        self.effect.setText(text)
        self.effect.setVisible(bool(text))

    def press(self, act: RolloutAct) -> None:
        """What a click on the act's button does."""
        if act is not RolloutAct.ABORT:
            self.wanted.emit(act)
        elif self._picture is not None:
            self._popover = self._abort_popover(self._picture)
            self._popover.open()

    def _abort_popover(self, picture: RolloutPicture) -> Popover:
        """Aborting cannot be taken back: what is lost is named before it happens."""
        popover: Popover

        def abort() -> None:
            popover.close()
            self.wanted.emit(RolloutAct.ABORT)

        confirm = button("Abort the rollout", abort, primary=True)
        text = f"{act_effect(RolloutAct.ABORT, picture)} It cannot be resumed afterwards; it can still be undone."
        layout = column(
            label("Abort?", LARGE, weight=SEMIBOLD),
            label(text, wrap=True),
            row(None, confirm),
            spacing=8,
            margins=(16, 14, 16, 14),
        )
        popover = Popover(self.buttons[RolloutAct.ABORT], layout, "Abort the rollout")
        return popover
