"""One rollout in the middle of the page: where it stands, its waves, its devices, its gates, its story."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QStackedWidget, QTabBar, QWidget

from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.plan_view import by_reason
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.rollouts_page.act_bar import ActBar
from edgeyard.desktop.rollouts_page.execution_view import ExecutionView
from edgeyard.desktop.rollouts_page.finding_list import FindingList
from edgeyard.desktop.rollouts_page.picture import RolloutPicture
from edgeyard.desktop.rollouts_page.rollout_words import ROLLOUT_STATE
from edgeyard.desktop.rollouts_page.story_list import StoryList
from edgeyard.desktop.rollouts_page.wave_picture import WavePicture
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import ElidedLabel, column, label, panel, row, set_role
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.plan import Exclusion

_TABS = ("Devices", "Gates", "Story", "Left out")
_ROLES = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}


class RolloutSubject(QWidget):
    """Shows a `RolloutPicture`."""

    device_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.acts = ActBar()
        self.waves = WavePicture()
        self.devices = ExecutionView()
        self.gates = FindingList()
        self.story = StoryList()
        self._head = _Head(self.acts)
        self._left_out = _LeftOut()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName("Parts of the rollout")
        stack = QStackedWidget()
        for title, part in zip(_TABS, (self.devices, self.gates, self.story, self._left_out), strict=True):
            self.tabs.addTab(title)
            stack.addWidget(part)
        self.tabs.currentChanged.connect(stack.setCurrentIndex)
        self._scroll = scroll = QScrollArea()
        scroll.setWidget(self.waves)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # setWidget makes it paint the window's ground; the panel's shall shine through.
        self.waves.setAutoFillBackground(False)
        top = column(self._head, 12, scroll, margins=(16, 12, 16, 8))
        top.setStretch(2, 1)
        below = column(row(self.tabs, None, margins=(16, 2, 16, 0)), stack, margins=(1, 1, 1, 1))
        below.setStretch(1, 1)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(8)
        self.split.addWidget(panel(top))
        self.split.addWidget(panel(below))
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([312, 400])
        self.setLayout(column(self.split))
        self.waves.chosen.connect(self._on_cell)
        self.devices.chosen.connect(self._on_row)

    def show_picture(self, picture: RolloutPicture) -> None:
        """Take over a reading."""
        self._head.show_picture(picture)
        self.acts.show_picture(picture)
        self.waves.show_picture(picture)
        self.devices.show_picture(picture)
        self.gates.show_picture(picture)
        self._fit_waves()
        self.story.show_events(picture.events)
        self._left_out.show_excluded(picture.excluded)
        self.tabs.setTabText(0, f"Devices {len(picture.rows):,}")
        self.tabs.setTabText(3, f"Left out {len(picture.excluded):,}" if picture.excluded else "Left out")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_waves()

    def _fit_waves(self) -> None:
        """The picture takes the height it needs, up to a third of the page."""
        self._scroll.setMinimumHeight(min(self.waves.height(), self.height() // 3))

    def show_time(self, picture: RolloutPicture) -> None:
        """The same picture a little later."""
        self._head.show_picture(picture)
        self.waves.show_picture(picture)
        self.devices.model.set_now(picture.at)

    def _on_cell(self, device_id: str) -> None:
        self.tabs.setCurrentIndex(0)
        self.devices.choose(device_id)
        self._on_row(device_id)

    def _on_row(self, device_id: str) -> None:
        self.waves.choose(device_id)
        self.device_chosen.emit(device_id)


class _Head(QWidget):
    """Title, state with its shape, what can be done, why, and the figures."""

    def __init__(self, acts: ActBar) -> None:
        super().__init__()
        self._status = DeviceStatus.UNKNOWN
        self._title = ElidedLabel("", LARGE, weight=SEMIBOLD)
        self._state = label("")
        self._facts = ElidedLabel(role="quiet")
        self._reason = label(wrap=True)
        title = row(self._title, self._state, acts, spacing=12)
        title.setStretch(0, 1)
        self.setLayout(row(26, column(title, self._facts, self._reason, acts.effect, spacing=4)))

    def show_picture(self, picture: RolloutPicture) -> None:
        rollout = picture.rollout
        word, self._status = ROLLOUT_STATE[rollout.state]
        self._title.setText(f"{rollout.model} {rollout.version} to {rollout.group}")
        self._state.setText(word)
        set_role(self._state, _ROLES.get(self._status, ""))
        self._reason.setText(rollout.reason)
        self._reason.setVisible(bool(rollout.reason))
        self._facts.setText(_facts(picture))
        self.setAccessibleName(f"Rollout {rollout.id}, {word}. {rollout.reason}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        StatusShape.paint(painter, QRectF(mirrored(painter, self.rect(), QRect(0, 5, 18, 18))), self._status)
        painter.end()


def _facts(picture: RolloutPicture) -> str:
    rollout = picture.rollout
    parts = [
        f"Rollout {rollout.id}",
        f"{words.count(len(picture.rows), 'device')} in {words.count(len(rollout.waves), 'wave')}",
    ]
    if rollout.bytes_planned:
        parts.append(f"{words.size(picture.downloaded_bytes)} of {words.size(rollout.bytes_planned)} downloaded")
    if rollout.started_at is not None:
        parts.append(f"started {words.clock(rollout.started_at)}")
        end = rollout.ended_at if rollout.ended_at is not None else picture.at
        verb = "took" if rollout.ended_at is not None else "for"
        parts.append(f"{verb} {evidence_words.duration(end - rollout.started_at)}")
    if rollout.created_by:
        parts.append(f"by {rollout.created_by.removeprefix('operator.')}")
    return " · ".join(parts)


class _LeftOut(QScrollArea):
    """Devices of the group that the rollout leaves out, under their reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Devices that are left out")
        self._shown: tuple[tuple[str, str], ...] | None = None

    def show_excluded(self, excluded: tuple[tuple[str, str], ...]) -> None:
        if excluded == self._shown:
            return
        self._shown = excluded
        layout = column(spacing=4, margins=(16, 8, 16, 16))
        for reason, ids in by_reason(tuple(Exclusion(*pair) for pair in excluded)):
            layout.addWidget(label(f"{len(ids):,} · {reason}", wrap=True))
            names = label(", ".join(ids), role="quiet", wrap=True)
            names.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(names)
            layout.addSpacing(8)
        if not excluded:
            layout.addWidget(label("Every device of the group takes part.", role="quiet"))
        layout.addStretch(1)
        self.setWidget(ScrollBody(layout))
