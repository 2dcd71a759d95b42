"""The status bar: one button for each part of the site, which opens what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.shell.popover import Popover
from edgeyard.desktop.shell.site_state import CellState
from edgeyard.desktop.widget.basic import ElidedLabel, button, column, label, row
from edgeyard.desktop.widget.words import both_clocks
from edgeyard.domain.device import DeviceStatus

HEIGHT = 28
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class StatusCell(QAbstractButton):
    """`Broker running`: quiet while it is well, in its colour when it is not."""

    def __init__(self, name: str, open_instead: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._name = name
        self.state = CellState("", DeviceStatus.UNKNOWN, "")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.clicked.connect(lambda _checked=False: (open_instead or self._explain)())
        self.show_state(CellState("not known", DeviceStatus.UNKNOWN, "Nothing is known yet."))

    def show_state(self, state: CellState) -> None:
        """Say how the part is."""
        if state == self.state:
            return
        self.state = state
        self.setAccessibleName(f"{self._name}: {state.word}")
        self.setToolTip(state.text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        words = metrics(SMALL, MEDIUM).horizontalAdvance(self._name) + metrics(SMALL).horizontalAdvance(self.state.word)
        return QSize(words + 40, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        if self.underMouse():
            painter.fillRect(self.rect(), theme.colour("hover"))
        wrong = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}.get(self.state.status)
        if wrong:
            painter.fillRect(self.rect(), theme.colour(f"{wrong}_ground"))
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        whole = self.rect()
        StatusShape.paint(painter, QRectF(mirrored(painter, whole, QRect(8, 7, 14, 14))), self.state.status)
        painter.setFont(font(SMALL, MEDIUM))
        painter.setPen(theme.colour(wrong or "text"))
        name = metrics(SMALL, MEDIUM).horizontalAdvance(self._name) + 1
        painter.drawText(mirrored(painter, whole, QRect(26, 0, name, HEIGHT)), _LEFT, self._name)
        painter.setFont(font(SMALL))
        painter.setPen(theme.colour(wrong or "quiet"))
        word = QRect(26 + name + 5, 0, self.width() - name - 31, HEIGHT)
        painter.drawText(mirrored(painter, whole, word), _LEFT, self.state.word)

    def _explain(self) -> None:
        state = self.state
        text = label(state.text, wrap=True)
        layout = column(
            label(f"{self._name} · {state.word}", LARGE, weight=SEMIBOLD), text, spacing=8, margins=(16, 14, 16, 14)
        )
        if state.todo:
            layout.addWidget(label(state.todo, wrap=True))
        if state.at is not None:
            layout.addWidget(label(f"As of {both_clocks(state.at)}", SMALL, "quiet", wrap=True))
        copy = button("Copy", lambda: QGuiApplication.clipboard().setText(f"{state.text} {state.todo}".strip()))
        layout.addLayout(row(copy, None))
        Popover(self, layout, self._name).open()


class StatusBar(QFrame):
    """Cells on the left, who and where on the right."""

    def __init__(self, show_jobs: Callable[[], None]) -> None:
        super().__init__()
        self.setProperty("panel", "flat")
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Status bar")
        self.broker = StatusCell("Broker")
        self.hub = StatusCell("Hub")
        self.database = StatusCell("Database")
        self.jobs = StatusCell("Jobs", show_jobs)
        self._who = ElidedLabel("", SMALL, "quiet")
        self._who.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._who.setAccessibleName("Site, user and role")
        layout = row(self.broker, self.hub, self.database, self.jobs, 16, self._who, 12)
        layout.setStretch(5, 1)
        self.setLayout(layout)

    def show_who(self, text: str) -> None:
        """Site, user, role."""
        self._who.setText(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        QPainter(self).fillRect(0, 0, self.width(), 1, theme.colour("line"))
