"""When a plan reaches whom: the waves over time, and how they can be paced."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.gate_words import PACE, read_percents
from edgeyard.desktop.plan.plan_view import PlanView
from edgeyard.desktop.plan.rule_row import RuleRow
from edgeyard.desktop.plan.wave_timeline import WaveTimeline
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import caption, label, row
from edgeyard.domain.error import UserError
from edgeyard.domain.rollout import RolloutPolicy
from edgeyard.domain.wave import check_percents

_WAVES_WHY = (
    "Cumulative: 10, 50, 100 means that the first wave is a tenth of the devices, the second brings it to half. Which "
    "devices go first is drawn by lot, so that no device is always the first."
)


class WhenPanel(QScrollArea):
    """The right half of the plan."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("When it goes out")
        self.percents = QLineEdit()
        self.percents.setAccessibleName("Waves at cumulative percent of the devices")
        self.percents.setToolTip(_WAVES_WHY)
        self.percents.setFixedWidth(132)
        self.percents.editingFinished.connect(self._on_percents_edited)
        self.timeline = WaveTimeline()
        self._end = label(role="quiet", wrap=True)
        self._rules = [RuleRow(rule) for rule in PACE]
        body = QWidget()
        body.setProperty("ground", "panel")
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 12, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(caption("Waves, as forecast"))
        layout.addWidget(self.timeline)
        layout.addWidget(self._end)
        layout.addSpacing(4)
        layout.addLayout(row(label("Waves at"), self.percents, label("% of the devices"), None, spacing=8))
        for line in self._rules:
            layout.addWidget(line)
            line.edited.connect(self.edited)
        layout.addStretch(1)
        self.setWidget(body)
        self._shown_percents = ""

    def show_policy(self, policy: RolloutPolicy) -> None:
        """Put the policy's numbers into the fields."""
        self._shown_percents = ", ".join(map(str, policy.wave_percents))
        self.percents.setText(self._shown_percents)
        for line in self._rules:
            line.show_policy(policy)

    def apply(self, policy: RolloutPolicy) -> RolloutPolicy:
        """The policy with the numbers as they were edited. Raises `UserError` for waves that cannot be."""
        percents = read_percents(self.percents.text())
        wrong = not percents
        try:
            if wrong:
                raise UserError("The waves cannot be read.", "Give rising percentages that end with 100: 10, 50, 100.")
            check_percents(percents)
        except UserError:
            wrong = True
            raise
        finally:
            self._mark(wrong=wrong)
        for line in self._rules:
            policy = line.apply(policy)
        return replace(policy, wave_percents=percents)

    def show_plan(self, view: PlanView) -> None:
        """Draw the forecast."""
        prepared = view.prepared
        self.timeline.show_waves(prepared.forecast, len(prepared.plan.devices))
        if prepared.forecast:
            ends = words.clock(view.made_at + view.duration_s)
            self._end.setText(
                f"Takes about {evidence_words.duration(view.duration_s)}: would end at {ends} if started now."
            )
        else:
            self._end.setText("No device would take part.")

    def _on_percents_edited(self) -> None:
        if self.percents.text() != self._shown_percents:
            self._shown_percents = self.percents.text()
            self.edited.emit()

    def _mark(self, *, wrong: bool) -> None:
        self.percents.setProperty("wrong", "true" if wrong else "false")
        self.percents.style().unpolish(self.percents)
        self.percents.style().polish(self.percents)
