"""The tour: a small panel that never blocks, ticks itself, and remembers what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRect, QRectF, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QLabel, QWidget
from shiboken6 import isValid

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.memory import Memory
from edgeyard.desktop.page import Page, Place
from edgeyard.desktop.tour.tour_step import STEPS, TourState, TourStep
from edgeyard.desktop.widget.basic import button, column, label, row, tool_button

_WIDTH = 300
_LOOK_EVERY_MS = 500
_DISMISSED = "tour/dismissed"


class TourPanel(QFrame):
    """Floats over the window's corner; `closed` when it was dismissed."""

    closed = Signal()
    grown = Signal()
    """It needs another height now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName("Tour")
        self._desk = desk
        self._started_at = desk.bridge.now()
        self._pages_seen: set[str] = set()
        self._done = {step.id for step in STEPS if desk.memory.flag(f"tour/{step.id}")}
        self.rows = {step.id: TourRow(step, self._go_to(step)) for step in STEPS}
        close = tool_button("x", "Close the tour; it is in the menu and under Ctrl+K", self.dismiss)
        head = row(label("What to try", LARGE, weight=SEMIBOLD), None, close)
        self._foot = label("", SMALL, "quiet", wrap=True)
        layout = column(head, 4, *self.rows.values(), 4, self._foot, spacing=4, margins=(16, 8, 8, 12))
        self.setLayout(layout)
        desk.feeds.rollouts.arrived.connect(self._on_rollouts)
        desk.drop.answers_changed.connect(self._on_drag)
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_EVERY_MS)
        self._looking.timeout.connect(self._look)
        self._looking.start()
        desk.window.destroyed.connect(self._looking.stop)
        self._look()

    @staticmethod
    def wanted(memory: Memory) -> bool:
        """Whether it was not dismissed yet."""
        return not memory.flag(_DISMISSED)

    def dismiss(self) -> None:
        """Close it, and do not show it again by itself."""
        self._desk.memory.put(_DISMISSED, value=True)
        self._looking.stop()
        self.hide()
        self.closed.emit()

    def done(self) -> list[str]:
        """The ids of the steps that are done, in order."""
        return [step.id for step in STEPS if step.id in self._done]

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent"), 1))
        painter.setBrush(theme.colour("panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.end()

    def _go_to(self, step: TourStep) -> Callable[[], None]:
        return lambda: self._desk.go(Place(step.place))

    def _on_rollouts(self, _rollouts: Any) -> None:
        self._look()

    def _on_drag(self) -> None:
        """Nothing may lie over the groups while a version is in the air."""
        if self._looking.isActive():
            self.setVisible(self._desk.drop.version is None)

    def _look(self) -> None:
        if not isValid(self._desk.window):
            # The window is being taken down before its panel.
            self._looking.stop()
            return
        shown = next((page for page in self._desk.window.findChildren(Page) if page.isVisible()), None)
        if shown is not None:
            self._pages_seen.add(shown.accessibleName().lower())
        rollouts = self._desk.feeds.rollouts.latest or ()
        state = TourState(rollouts, frozenset(self._pages_seen), self._started_at)
        for step in STEPS:
            if step.id not in self._done and step.done(state):
                self._done.add(step.id)
                self._desk.memory.put(f"tour/{step.id}", value=True)
        self._show()

    def _show(self) -> None:
        following = next((step.id for step in STEPS if step.id not in self._done), "")
        states = ((self.rows[step.id], step.id in self._done, step.id == following) for step in STEPS)
        changed = [shown.show_state(done=done, following=comes) for shown, done, comes in states]
        left = len(STEPS) - len(self._done)
        self._foot.setText(f"{left} of {len(STEPS)} to go, in any order." if left else "That was all. It is yours now.")
        if any(changed):
            self.grown.emit()


class TourRow(QWidget):
    """One step: a tick, its title, and its text while it is the next one."""

    def __init__(self, step: TourStep, go: Callable[[], None]) -> None:
        super().__init__()
        self.is_done = False
        self._step = step
        self._title = QLabel(step.title)
        self._title.setFont(label("", weight=MEDIUM).font())
        self._text = label(step.text, SMALL, "quiet", wrap=True)
        self._go = button("Show me", go, name=f"Show me: {step.title}", link=True)
        self.setLayout(row(26, column(self._title, self._text, self._go, spacing=2), 8, margins=(0, 2, 0, 2)))

    def show_state(self, *, done: bool, following: bool) -> bool:
        """Tick it, or say what to do when it is the next; whether anything changed."""
        if done == self.is_done and following == self._text.isVisibleTo(self):
            return False
        self.is_done = done
        self._text.setVisible(following)
        self._go.setVisible(following)
        self._title.setEnabled(not done)
        self.setAccessibleName(f"{self._step.title}: {'done' if done else 'to do'}")
        self.update()
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = mirrored(painter, self.rect(), QRect(0, 3, 16, 16))
        if self.is_done:
            palette = theme.current()
            painter.drawPixmap(place, icon_pixmap("check", palette.healthy, 16, self.devicePixelRatioF()))
        else:
            painter.setPen(QPen(theme.colour("quiet"), 1.5))
            painter.drawEllipse(QRectF(place.left() + 3, 5, 11, 11))
        painter.end()
