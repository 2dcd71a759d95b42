"""The plan: what, when, under which gates; signing and the start. Nothing is written before *start*."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog, QSplitter, QVBoxLayout, QWidget

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.page import Place
from edgeyard.desktop.plan.alive import while_alive
from edgeyard.desktop.plan.gate_words import GATES
from edgeyard.desktop.plan.hold_button import HoldButton
from edgeyard.desktop.plan.key_field import KeyField
from edgeyard.desktop.plan.plan_head import PlanHead
from edgeyard.desktop.plan.plan_view import PlanView, read_plan, sign_and_start
from edgeyard.desktop.plan.rule_row import RuleRow
from edgeyard.desktop.plan.signing_key import KeyState, read_key_state
from edgeyard.desktop.plan.trouble_line import TroubleLine
from edgeyard.desktop.plan.what_panel import WhatPanel
from edgeyard.desktop.plan.when_panel import WhenPanel
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import button, caption, column, label, panel, row
from edgeyard.domain.error import UserError
from edgeyard.domain.rollout import RolloutPolicy
from edgeyard.store.group import Group
from edgeyard.store.model import ModelSummary

_SETTLE_MS = 150
"""Edits that follow each other are planned once."""
_SIZE = (1120, 712)
_SMALLEST = (940, 620)


class PlanDialog(QDialog):
    """One plan. Window-modal; deleted when it closes."""

    def __init__(
        self,
        desk: Desk,
        models: Sequence[ModelSummary],
        groups: Sequence[Group],
        version_id: int | None = None,
        group_name: str | None = None,
    ) -> None:
        super().__init__(desk.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Plan a rollout")
        self.view: PlanView | None = None
        self.policy = RolloutPolicy()
        self._key_state: KeyState | None = None
        self._desk = desk
        self._asked = 0
        self._busy = False
        self.head = PlanHead(models, groups)
        self.what = WhatPanel()
        self.when = WhenPanel()
        self.gates = [RuleRow(rule) for rule in GATES]
        self.trouble = TroubleLine()
        self.key = KeyField()
        self.hint = label(role="quiet")
        self.cancel = button("Cancel", self.reject)
        self.start = HoldButton("Start")
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._plan)
        self.setLayout(self._arrange())
        self._connect()
        self.head.choose(version_id, group_name)
        self._show_policy()
        self._show_state()
        self._plan()
        # Asking for the keyring may take a second: the plan does not wait for it.
        desk.bridge.run(read_key_state, while_alive(self, self._on_key), while_alive(self, self.trouble.show_error))
        self.cancel.setFocus()

    def _arrange(self) -> QVBoxLayout:
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        halves.setHandleWidth(8)
        for half in (self.what, self.when):
            frame = panel(column(half, margins=(1, 1, 1, 1)))
            halves.addWidget(frame)
        halves.setSizes([_SIZE[0] * 11 // 20, _SIZE[0] * 9 // 20])
        gates = panel(column(caption("Gates"), 2, *self.gates, spacing=2, margins=(16, 10, 16, 12)))
        foot = row(self.key, self.hint, self.cancel, self.start, spacing=8)
        foot.setStretch(0, 1)
        width, height = self._fitting_size()
        self.resize(width, height)
        self.setMinimumSize(*_SMALLEST)
        layout = column(self.head, halves, gates, self.trouble, foot, spacing=12, margins=(20, 16, 20, 16))
        layout.setStretch(1, 1)
        return layout

    def _fitting_size(self) -> tuple[int, int]:
        parent = self.parentWidget()
        room = parent.size() if isinstance(parent, QWidget) else self.size()
        return (
            max(_SMALLEST[0], min(_SIZE[0], room.width() - 48)),
            max(_SMALLEST[1], min(_SIZE[1], room.height() - 48)),
        )

    def _connect(self) -> None:
        self.head.changed.connect(self._plan)
        self.when.edited.connect(self._on_edited)
        for gate in self.gates:
            gate.edited.connect(self._on_edited)
        self.key.changed.connect(self._show_state)
        self.start.confirmed.connect(self._on_confirmed)
        self.start.released_early.connect(lambda: self.hint.setText("Hold it for one second"))
        # Another desktop may sign, or move devices on, while this plan is being read.
        self._desk.feeds.models.arrived.connect(self._on_site_changed)
        self._desk.feeds.rollouts.arrived.connect(self._on_site_changed)

    # --- planning ------------------------------------------------------------------------------------------------

    def _on_edited(self) -> None:
        try:
            policy = self.when.apply(self.policy)
        except UserError as error:
            self.trouble.show_error(error)
            self.view = None
            self._show_state()
            return
        for gate in self.gates:
            policy = gate.apply(policy)
        self.trouble.clear()
        self.policy = policy
        self._settle.start()

    def _on_site_changed(self, _snapshot: object) -> None:
        self._settle.start()

    def _plan(self) -> None:
        version_id, group_name = self.head.version_id(), self.head.group_name()
        if self._busy:
            return
        if version_id is None or group_name is None:
            missing = "There is no version with variants yet." if version_id is None else "There is no group yet."
            self.trouble.say(missing, "Import and optimize a model first." if version_id is None else "Make one first.")
            return
        self._asked += 1
        asked, policy = self._asked, self.policy
        self._desk.bridge.run(
            lambda workspace: read_plan(workspace, version_id, group_name, policy),
            while_alive(self, lambda view: self._on_planned(asked, view)),
            while_alive(self, lambda error: self._on_unplanned(asked, error)),
        )

    def _on_planned(self, asked: int, view: PlanView) -> None:
        if asked != self._asked or self._busy:
            return
        self.view = view
        self.what.show_plan(view)
        self.when.show_plan(view)
        self.trouble.say(view.refusal)
        self._show_state()

    def _on_unplanned(self, asked: int, error: UserError) -> None:
        if asked == self._asked and not self._busy:
            self.view = None
            self.trouble.show_error(error)
            self._show_state()

    def _on_key(self, state: KeyState) -> None:
        self._key_state = state
        self._show_state()

    # --- signing and starting ----------------------------------------------------------------------------------------

    def _on_confirmed(self) -> None:
        view, key = self.view, self._key_state
        if view is None or not self._ready():
            return
        trouble = self.key.trouble()
        if trouble:
            self.trouble.say(trouble)
            self.key.passphrase_field.setFocus()
            return
        self.trouble.clear()
        self._busy = True
        self._show_state()
        passphrase, tell = self.key.passphrase(), while_alive(self, self.hint.setText)
        post = self._desk.bridge.post
        self._desk.bridge.run(
            lambda workspace: sign_and_start(workspace, view, key, passphrase, lambda text: post(lambda: tell(text))),
            while_alive(self, self._on_started),
            while_alive(self, self._on_not_started),
        )

    def _on_started(self, rollout_id: int) -> None:
        self.key.forget()
        self.accept()
        self._desk.go(Place("rollouts", str(rollout_id)))

    def _on_not_started(self, error: UserError) -> None:
        self._busy = False
        self.hint.setText("")
        self.trouble.show_error(error)
        self._show_state()

    # --- what is shown -----------------------------------------------------------------------------------------------

    def _show_policy(self) -> None:
        self.when.show_policy(self.policy)
        for gate in self.gates:
            gate.show_policy(self.policy)

    def _show_state(self) -> None:
        view = self.view
        devices = len(view.prepared.plan.devices) if view else 0
        self.start.setEnabled(self._ready())
        self.start.hold = view is not None and view.production
        self.start.setText(_start_words(view, devices))
        self.start.setAccessibleName(self.start.text())
        if view is not None:
            self.head.show_summary(view.prepared.plan.summary if devices else "", view.prepared.plan.bytes)
        elif not self._busy:
            self.hint.setText("")
        self._show_key()
        for field in (self.head, self.when, self.key, *self.gates):
            field.setEnabled(not self._busy)

    def _show_key(self) -> None:
        view = self.view
        if view is not None and view.signed:
            version = view.prepared.plan.version
            self.key.show_signed(f"{version.label} is signed (release {version.release_counter}).")
        elif self._key_state is not None:
            self.key.show_key(self._key_state)

    def _ready(self) -> bool:
        view = self.view
        return view is not None and not view.refusal and not self._busy and (view.signed or self._key_state is not None)


def _start_words(view: PlanView | None, devices: int) -> str:
    if view is None:
        return "Sign and start"
    act = "start" if view.signed else "sign and start"
    kind = "production device" if view.production else "device"
    held = f"Hold to {act}" if view.production else act.capitalize()
    return f"{held} on {words.count(devices, kind)}"
