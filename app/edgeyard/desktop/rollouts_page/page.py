"""The Rollouts page: the list on the left, one rollout in the middle, the chosen device's evidence on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QFrame, QSplitter, QStackedWidget, QWidget

from edgeyard.commands.rollout_command import request_act
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.action import Action
from edgeyard.desktop.desk import Desk
from edgeyard.desktop.feed import Feed
from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.page import Page, Place
from edgeyard.desktop.plan.fact_list import FactList
from edgeyard.desktop.rollouts_page.device_facts import describe_device
from edgeyard.desktop.rollouts_page.picture import PictureReader, RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_list import SUMMARY_ROLE, RolloutListModel, RolloutRows
from edgeyard.desktop.rollouts_page.rollout_words import act_effect, act_refusal, act_title
from edgeyard.desktop.rollouts_page.subject import RolloutSubject
from edgeyard.desktop.shell.site_state import hub_is_away
from edgeyard.desktop.widget.basic import ElidedLabel, button, column, panel, row, tool_button
from edgeyard.desktop.widget.empty_state import EmptyState
from edgeyard.desktop.widget.row_list import RowList
from edgeyard.desktop.widget.skeleton import Skeleton
from edgeyard.domain.rollout import RolloutAct
from edgeyard.store.rollout import RolloutSummary

_AGES_EVERY_MS = 5000
_LOOK_EVERY_S = 1.0
_ICONS = {
    RolloutAct.PAUSE: "pause",
    RolloutAct.RESUME: "play",
    RolloutAct.ABORT: "octagon-x",
    RolloutAct.UNDO: "undo-2",
}
_NARROW = 1100
_LEAST = (220, 280)
_KEYS = {RolloutAct.PAUSE: "Ctrl+Shift+P", RolloutAct.RESUME: "Ctrl+Shift+R", RolloutAct.UNDO: "Ctrl+Shift+U"}


class RolloutsPage(Page):
    """Subjects: nothing, or a rollout's id."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.model = RolloutListModel(self)
        self.list = RowList(self.model, "Rollouts", RolloutRows())
        self.subject = RolloutSubject()
        self.picture: RolloutPicture | None = None
        self._feed: Feed | None = None
        self._id = 0
        self._device = ""
        self._stack = QStackedWidget()
        self._details = self._make_details()
        self._arrange()
        self._connect()

    def _make_details(self) -> QFrame:
        self._device_title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self._facts = FactList(name_width=84)
        close = tool_button("x", "Close the details (Esc)", self.close_details)
        head = row(self._device_title, close, margins=(16, 12, 8, 0))
        head.setStretch(0, 1)
        opener = button("Open the device", lambda: self.desk.go(Place("device", self._device)), link=True)
        layout = column(head, row(opener, None, margins=(14, 2, 16, 0)), self._facts, margins=(1, 1, 1, 1))
        layout.setStretch(2, 1)
        details = panel(layout)
        details.setMinimumWidth(_LEAST[1])
        details.hide()
        return details

    def _arrange(self) -> None:
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(8)
        left = panel(column(self.list, margins=(1, 1, 1, 1)))
        left.setMinimumWidth(_LEAST[0])
        for region in (left, self.subject, self._details):
            self._split.addWidget(region)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([272, 640, 320])
        state = self.desk.memory.state("rollouts/split")
        if not state.isEmpty():
            self._split.restoreState(state)
        empty = EmptyState(
            "rocket",
            "No rollouts yet",
            "A rollout brings a version to a group of devices, wave by wave, and takes it back where it does harm. "
            "Drag a version from the Models page onto a group to plan one; nothing starts before you say so.",
            button("Go to Models", lambda: self.desk.go(Place("models")), primary=True),
        )
        for part in (Skeleton("Rollouts"), self._split, empty):
            self._stack.addWidget(part)
        self.setLayout(column(self._stack, margins=(16, 12, 16, 16)))

    def _connect(self) -> None:
        self.desk.feeds.rollouts.arrived.connect(self._on_listed)
        self.list.selectionModel().currentChanged.connect(self._on_current_changed)
        self.subject.device_chosen.connect(self._on_device)
        self.subject.acts.wanted.connect(self._on_wanted)
        self._ages = QTimer(self)
        self._ages.setInterval(_AGES_EVERY_MS)
        self._ages.timeout.connect(self._on_time)
        self._ages.start()

    # --- Page --------------------------------------------------------------------------------------------------------

    def activate(self, subject: str) -> None:
        listed: list[RolloutSummary] = self.desk.feeds.rollouts.latest or []
        wanted = int(subject) if subject.isdecimal() else self._id
        if not wanted and listed:
            wanted = listed[0].rollout.id
        self._on_listed(self.desk.feeds.rollouts.latest)
        self._open(wanted)

    def deactivate(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def heading(self) -> str:
        listed: list[RolloutSummary] = self.desk.feeds.rollouts.latest or []
        rollout = next((found.rollout for found in listed if found.rollout.id == self._id), None)
        return f"{rollout.model} {rollout.version} to {rollout.group}" if rollout else ""

    def actions_here(self) -> Sequence[Action]:
        return [self._action(act) for act in RolloutAct]

    def _action(self, act: RolloutAct) -> Action:
        picture = self.picture
        title = f"{act_title(act, picture)}: rollout {picture.rollout.id}" if picture else f"{act.value} a rollout"
        words = act_effect(act, picture) if picture else ""
        keys = _KEYS.get(act, "")
        run, refusal = partial(self._try, act), partial(self._refusal, act)
        return Action(act.value, title.capitalize(), run, _ICONS[act], keys, refusal, words)

    def regions(self) -> Sequence[QWidget]:
        return (self.list, self.subject.acts, self.subject.devices, self._details)

    def close_details(self) -> bool:
        visible = self._details.isVisible()
        self._details.hide()
        self._device = ""
        self.subject.waves.choose("")
        return visible

    def save(self) -> None:
        self.desk.memory.put("rollouts/split", self._split.saveState())

    # --- reading -----------------------------------------------------------------------------------------------------

    def _on_listed(self, rollouts: Any) -> None:
        if rollouts is None:
            return
        self._stack.setCurrentIndex(1 if rollouts else 2)
        self.model.show_rollouts(rollouts, self.desk.bridge.now())
        self._mark_current()
        if rollouts and not self._id and self.isVisible():
            self._open(rollouts[0].rollout.id)
            self.moved.emit(str(self._id))

    def _open(self, rollout_id: int) -> None:
        """Show this rollout from now on."""
        self._id = rollout_id
        self.deactivate()
        if not rollout_id:
            return
        self._feed = self.desk.bridge.feed(
            f"rollout {rollout_id}", PictureReader(rollout_id).read, {"rollouts"}, _LOOK_EVERY_S
        )
        self._feed.arrived.connect(self._on_read)
        self._mark_current()

    def _on_read(self, picture: RolloutPicture | None) -> None:
        if picture is None or picture.rollout.id != self._id:
            return
        other = self.picture is None or self.picture.rollout.id != picture.rollout.id
        self.picture = picture
        self.subject.acts.hub_away = hub_is_away(self.desk.feeds.statuses.latest or (), self.desk.bridge.now())
        self.subject.show_picture(picture)
        if other:
            self.close_details()
        self._show_device()

    def _mark_current(self) -> None:
        place = self.model.row_of(self._id)
        if place >= 0 and self.list.currentIndex().row() != place:
            self.list.setCurrentIndex(self.model.index(place))

    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        summary = current.data(SUMMARY_ROLE)
        if isinstance(summary, RolloutSummary) and summary.rollout.id != self._id:
            self._open(summary.rollout.id)
            self.moved.emit(str(summary.rollout.id))

    def _on_time(self) -> None:
        """Ages grow without anything being read."""
        if self.isVisible() and self.picture is not None and self.desk.feeds.rollouts.latest is not None:
            now = self.desk.bridge.now()
            self.model.show_rollouts(self.desk.feeds.rollouts.latest, now)
            self.picture = replace(self.picture, at=now)
            self.subject.show_time(self.picture)

    # --- the chosen device -------------------------------------------------------------------------------------------

    def _on_device(self, device_id: str) -> None:
        self._device = device_id
        opening = not self._details.isVisible()
        self._details.show()
        if opening and self.width() < _NARROW:
            # The rollout itself keeps the most room: the list and the details shrink first.
            self._split.setSizes([_LEAST[0], self.width() - sum(_LEAST), _LEAST[1]])
        self._show_device()

    def _show_device(self) -> None:
        if self.picture is None or not self._device:
            return
        found = next((r for r in self.picture.rows if r.device_id == self._device), None)
        if found is not None:
            self._device_title.setText(found.device_id)
            self._facts.show_sections(describe_device(found, self.picture.at))

    # --- acts --------------------------------------------------------------------------------------------------------

    def _refusal(self, act: RolloutAct) -> str:
        return act_refusal(act, self.picture) if self.picture else "Choose a rollout first."

    def _try(self, act: RolloutAct) -> None:
        """From a key or the palette: the same as pressing the button, with its question if it has one."""
        if not self._refusal(act):
            self.subject.acts.press(act)

    def _on_wanted(self, act: RolloutAct) -> None:
        rollout_id = self._id

        def ask(workspace: Workspace) -> None:
            request_act(workspace, rollout_id, act)

        self.desk.bridge.run(ask, failed=self.desk.complain)
