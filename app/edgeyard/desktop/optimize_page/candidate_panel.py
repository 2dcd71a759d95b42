"""One candidate, or two side by side: what was measured and where, and why it is picked or not."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from edgeyard.desktop.look.font import BASE, MEDIUM, REGULAR
from edgeyard.desktop.optimize_page.candidate_words import (
    accuracy_words,
    difference_words,
    measured_lines,
    memory_words,
    picked_words,
    speed_words,
)
from edgeyard.desktop.optimize_page.study_state import StudyState
from edgeyard.desktop.plan.evidence_words import NOTHING, milliseconds
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import button, caption, column, label, row
from edgeyard.optimize.engine.result import Candidate

_NAME_WIDTH = 112
_EXACT_DB = 150.0


class CandidatePanel(QScrollArea):
    """Made anew when another candidate is chosen or its figures changed."""

    save_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setAccessibleName("Evidence of the variant")
        self._shown: object = None

    def show_candidates(self, state: StudyState, names: tuple[str, ...]) -> None:
        """The chosen one, or two to compare."""
        found = [state.candidates[name] for name in names if name in state.candidates]
        facts = ([candidate.sha256 for candidate in found], [candidate.evidence for candidate in found])
        key = (*facts, state.choices, state.picked, state.ended)
        if key == self._shown:
            return
        self._shown = key
        if len(found) == 2:
            self.setWidget(ScrollBody(_compared(found)))
        elif found:
            self.setWidget(ScrollBody(_one(state, found[0], self._save_button(found[0].name, state))))
        else:
            self.setWidget(ScrollBody(column(None)))

    def _save_button(self, name: str, state: StudyState) -> QPushButton:
        made = button("Save the file…", lambda: self.save_wanted.emit(name))
        made.setEnabled(state.ended)
        made.setToolTip("" if state.ended else "When the optimization has ended")
        return made


def facts_of(candidate: Candidate) -> list[tuple[str, str]]:
    """Name and value of everything that was measured."""
    evidence = candidate.evidence
    labelled = f"on {words.count(evidence.samples, 'sample')}" if evidence.samples else ""
    sqnr = NOTHING if evidence.sqnr_db is None else f"{evidence.sqnr_db:.1f} dB"
    if evidence.sqnr_db is not None and evidence.sqnr_db >= _EXACT_DB:
        sqnr = "exact"
    agreement = NOTHING if evidence.agreement is None else words.percent(evidence.agreement)
    p_value = NOTHING if evidence.p_value is None else f"{evidence.p_value:.2g}"
    return [
        ("Size", words.size(candidate.size_bytes)),
        ("Accuracy", f"{accuracy_words(evidence)} {labelled}".strip()),
        ("Against original", difference_words(evidence)),
        ("p value", p_value),
        ("Agreement", agreement),
        ("Output SQNR", sqnr),
        ("Speed", speed_words(evidence)),
        ("Latency p50", milliseconds(evidence.latency_p50_ms)),
        ("Latency p95", milliseconds(evidence.latency_p95_ms)),
        ("Memory", memory_words(evidence)),
        ("Format", f"{candidate.trait.file_format} for {candidate.trait.runtime}"),
        ("Data type", f"{candidate.precision} {candidate.trait.form}".strip()),
    ]


def _one(state: StudyState, candidate: Candidate, save: QPushButton) -> QVBoxLayout:
    parts: list[QWidget | QLayout | int | None] = [_line(name, value) for name, value in facts_of(candidate)]
    parts += [8, row(save, None), 8, caption("Measured")]
    parts += [label(text, BASE, "quiet", wrap=True) for text in measured_lines(candidate) or ["Nothing yet."]]
    reasons = {choice.profile: choice.reasons.get(candidate.name, "") for choice in state.choices}
    if reasons:
        parts += [8, caption("Why")]
        for profile, reason in reasons.items():
            parts += [label(picked_words([profile]), weight=MEDIUM), label(reason, BASE, "quiet", wrap=True), 4]
    if candidate.notes:
        parts += [8, caption("How it was made")]
        parts += [label(note, BASE, "quiet", wrap=True) for note in candidate.notes]
    return column(*parts, None, spacing=4, margins=(16, 8, 16, 16))


def _compared(found: list[Candidate]) -> QVBoxLayout:
    one, other = (facts_of(candidate) for candidate in found)
    parts: list[QWidget | int | None] = [_line("", *(candidate.name for candidate in found), strong=True)]
    parts += [_line(name, mine, theirs) for (name, mine), (_, theirs) in zip(one, other, strict=True)]
    return column(*parts, None, spacing=4, margins=(16, 8, 16, 16))


def _line(name: str, *values: str, strong: bool = False) -> QWidget:
    title = label(name, role="quiet")
    title.setFixedWidth(_NAME_WIDTH)
    shown = [label(value, weight=MEDIUM if strong else REGULAR, wrap=True) for value in values]
    made = QWidget()
    layout = row(title, *shown, spacing=8)
    for place in range(1, len(shown) + 1):
        layout.setStretch(place, 1)
    made.setLayout(layout)
    return made
