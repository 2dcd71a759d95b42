"""The gates of a rollout: for each wave what was checked, with its verdict, its sentence and its numbers."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from edgeyard.desktop.look.font import MEDIUM, SMALL
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.rollouts_page.picture import RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import VERDICT_STATUS, finding_figures, wave_word
from edgeyard.desktop.widget.basic import label, row
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.gate import GateFinding
from edgeyard.domain.rollout import Wave, WaveState

_VERDICT_WORD = {
    DeviceStatus.HEALTHY: "Passed",
    DeviceStatus.ALARM: "Failed",
    DeviceStatus.ATTENTION: "Not decided",
}


class FindingList(QScrollArea):
    """Rebuilt only when a verdict changed."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Evidence of the gates")
        self._shown: tuple[int, tuple[Wave, ...]] | None = None

    def show_picture(self, picture: RolloutPicture) -> None:
        """Take over a reading."""
        wanted = (picture.rollout.id, picture.rollout.waves)
        if wanted == self._shown:
            return
        self._shown = wanted
        body = ScrollBody()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(16, 8, 16, 16)
        layout.setSpacing(6)
        for wave in picture.rollout.waves:
            for widget in _wave_widgets(wave, picture):
                layout.addWidget(widget)
            layout.addSpacing(8)
        layout.addStretch(1)
        self.setWidget(body)


class ShapedLine(QWidget):
    """A status shape, a sentence, and its figures at the end."""

    def __init__(self, status: DeviceStatus, sentence: str, figures: str = "") -> None:
        super().__init__()
        self._status = status
        text = label(sentence, wrap=True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = row(8, text, spacing=16)
        layout.setStretch(1, 1)
        if figures:
            layout.addWidget(label(figures, SMALL, "quiet"))
        self.setLayout(layout)
        self.setAccessibleName(f"{_VERDICT_WORD.get(status, '')}: {sentence} {figures}".strip())
        self.setToolTip(_VERDICT_WORD.get(status, ""))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        StatusShape.paint(painter, QRectF(mirrored(painter, self.rect(), QRect(0, 0, 16, 16))), self._status)
        painter.end()


def _wave_widgets(wave: Wave, picture: RolloutPicture) -> list[QWidget]:
    word, status = wave_word(wave, picture)
    widgets: list[QWidget] = [label(f"Wave {wave.index + 1} {word}", weight=MEDIUM)]
    if wave.state is WaveState.FAILED and wave.reason:
        widgets.append(ShapedLine(status, wave.reason))
    widgets += [_finding_line(finding) for finding in wave.findings]
    if not wave.findings:
        widgets.append(label(_waiting_words(wave, picture), role="quiet", wrap=True))
    return widgets


def _finding_line(finding: GateFinding) -> ShapedLine:
    return ShapedLine(VERDICT_STATUS[finding.verdict], finding.sentence, finding_figures(finding))


def _waiting_words(wave: Wave, picture: RolloutPicture) -> str:
    if wave.state is WaveState.PENDING and picture.ended:
        return "It was never started."
    if wave.state is WaveState.PENDING:
        return "Starts when every wave before it has passed."
    soak = evidence_words.duration(picture.rollout.policy.soak_s)
    return f"Its gate decides when its last device has finished and {soak} have passed without trouble."
