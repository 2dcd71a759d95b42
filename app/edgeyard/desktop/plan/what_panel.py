"""What a plan gives to whom: the variant for each kind of hardware with its evidence, and who is left out, why."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from edgeyard.desktop.look.font import MEDIUM, SMALL
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.comparison import Comparison
from edgeyard.desktop.plan.plan_view import PlanView, by_reason
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import button, caption, column, label, row, rule
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.hardware import profile_title
from edgeyard.domain.plan import ProfilePlan

_SHOWN_IDS = 24
_PATIENCE_MS = 200


class WhatPanel(QScrollArea):
    """The left half of the plan."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("What goes where")
        self._opened: set[str] = set()
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.timeout.connect(self._show_waiting)
        self._waiting.start(_PATIENCE_MS)

    def show_plan(self, view: PlanView) -> None:
        """Show a plan, keeping what was opened and how far it was scrolled."""
        self._waiting.stop()
        place = self.verticalScrollBar().value()
        body = ScrollBody()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(16, 12, 12, 12)
        layout.setSpacing(8)
        for comparison in view.comparisons:
            layout.addWidget(ComparisonLine(comparison))
        plan = view.prepared.plan
        layout.addWidget(caption("Variant for each kind of hardware"))
        for profile in plan.profiles:
            layout.addWidget(self._profile(profile))
        if plan.excluded:
            layout.addSpacing(4)
            layout.addWidget(rule())
            layout.addWidget(caption(f"{words.count(len(plan.excluded), 'device')} excluded"))
            for reason, device_ids in by_reason(plan.excluded):
                layout.addWidget(self._excluded(reason, device_ids))
        silent = sum(device.silent for device in plan.devices)
        if silent:
            layout.addWidget(label(_silent_words(silent), role="quiet", wrap=True))
        layout.addStretch(1)
        self.setWidget(body)
        self.verticalScrollBar().setValue(place)

    def _show_waiting(self) -> None:
        waiting = label("Working out who can take it…", role="quiet")
        waiting.setContentsMargins(16, 12, 16, 12)
        waiting.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(waiting)

    def _profile(self, profile: ProfilePlan) -> QWidget:
        devices = label(words.count(profile.devices, "device"), role="quiet")
        title = label(profile_title(profile.hardware_profile), weight=MEDIUM)
        variant = profile.variant
        if variant is None:
            return self._block(title, devices, label("No variant fits it.", role="quiet"), profile.reason)
        evidence = variant.evidence
        interval = evidence_words.interval(evidence)
        facts = [
            variant.name,
            words.size(variant.size_bytes),
            f"{evidence_words.accuracy(evidence)}{f' ({interval})' if interval else ''}",
        ]
        if evidence.latency_ratio:
            facts.append(evidence_words.speed(evidence.latency_ratio))
        measured = "\n".join(evidence_words.evidence_lines(evidence))
        figures = label(" · ".join(facts), wrap=True)
        figures.setToolTip(measured)
        return self._block(title, devices, figures, f"{profile.reason}\n{measured}".strip())

    def _block(self, title: QLabel, devices: QLabel, figures: QLabel, why: str) -> QWidget:
        name = title.text()
        lines = label(why, SMALL, "quiet", wrap=True)
        toggle = self._toggle(f"why {name}", lines, ("Why", "Hide"), f"Why, for {name}")
        second = row(figures, toggle, spacing=8)
        second.setStretch(0, 1)
        second.setAlignment(toggle, Qt.AlignmentFlag.AlignTop)
        made = QWidget()
        made.setLayout(column(row(title, None, devices, spacing=8), second, lines, spacing=2))
        return made

    def _toggle(self, key: str, lines: QLabel, wording: tuple[str, str], name: str) -> QPushButton:
        """A link that shows and hides `lines`, also in the next plan that is shown."""
        lines.setVisible(key in self._opened)

        def flip() -> None:
            self._opened ^= {key}
            lines.setVisible(key in self._opened)
            made.setText(wording[key in self._opened])

        made = button(wording[key in self._opened], flip, name=name, link=True)
        return made

    def _excluded(self, reason: str, device_ids: list[str]) -> QWidget:
        shown = ", ".join(device_ids[:_SHOWN_IDS])
        more = len(device_ids) - _SHOWN_IDS
        ids = label(f"{shown} and {more:,} more" if more > 0 else shown, SMALL, "quiet", wrap=True)
        ids.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        toggle = self._toggle(reason, ids, ("Which", "Hide"), f"Which devices: {reason}")
        head = row(label(f"{len(device_ids):,} · {reason}", wrap=True), toggle, spacing=8)
        head.setStretch(0, 1)
        head.setAlignment(toggle, Qt.AlignmentFlag.AlignTop)
        made = QWidget()
        made.setLayout(column(head, ids, spacing=2))
        return made


class ComparisonLine(QFrame):
    """One comparison with what runs now; in amber, with its shape, when the new version is the worse one."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.worse = comparison.worse
        text = label(comparison.sentence, role="attention" if self.worse else "", wrap=True)
        text.setToolTip(comparison.basis)
        self.setLayout(column(text, margins=(24, 0, 0, 0)))
        self.setToolTip(comparison.basis)
        self.setAccessibleName(comparison.sentence)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        status = DeviceStatus.ATTENTION if self.worse else DeviceStatus.HEALTHY
        StatusShape.paint(painter, QRectF(0, 0, 16, 16), status)
        painter.end()


def _silent_words(count: int) -> str:
    be = "is" if count == 1 else "are"
    return f"{words.count(count, 'device')} {be} silent now: they take part, and count as unknown until they report."
