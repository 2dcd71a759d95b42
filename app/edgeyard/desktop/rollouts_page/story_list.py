"""The story of a rollout, the newest entry first: states of rollout and waves, and what people asked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea

from edgeyard.desktop.look.font import MEDIUM, SMALL
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.rollouts_page.rollout_words import ROLLOUT_STATE, WAVE_STATE
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import label
from edgeyard.domain.rollout import RolloutState, WaveState
from edgeyard.store.rollout import RolloutEvent


class StoryList(QScrollArea):
    """Time, what, and the words that came with it."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Story of the rollout")
        self._shown: tuple[RolloutEvent, ...] = ()

    def show_events(self, events: Sequence[RolloutEvent]) -> None:
        """Show these entries; the same ones again change nothing."""
        if tuple(events) == self._shown:
            return
        self._shown = tuple(events)
        body = ScrollBody()
        grid = QGridLayout(body)
        grid.setContentsMargins(16, 8, 16, 16)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(2, 1)
        for line, event in enumerate(events):
            at = label(words.clock(event.at), SMALL, "quiet")
            at.setToolTip(words.both_clocks(event.at))
            grid.addWidget(at, line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(event_words(event), weight=MEDIUM), line, 1, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(event.text, wrap=True), line, 2, Qt.AlignmentFlag.AlignTop)
        grid.setRowStretch(len(events), 1)
        self.setWidget(body)


def event_words(event: RolloutEvent) -> str:
    """What an entry is about: `Running`, `Wave 2 passed`, `Asked to pause`."""
    if event.kind == "rollout" and event.state in set(RolloutState):
        return ROLLOUT_STATE[RolloutState(event.state)][0]
    if event.kind == "wave" and event.state in set(WaveState) and event.wave is not None:
        return f"Wave {event.wave + 1} {WAVE_STATE[WaveState(event.state)][0]}"
    if event.kind == "command":
        return f"Asked to {event.state}" if event.text.startswith("Asked") else f"Did {event.state}"
    return f"{event.kind} {event.state}".strip().capitalize()
