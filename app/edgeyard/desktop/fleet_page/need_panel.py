"""The right side of the Fleet page while no device is open: what needs a person, what is in progress."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from edgeyard.desktop.fleet_page.need import Need
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import column, label
from edgeyard.domain.device import DeviceStatus

_LEFT_PAD, _RIGHT_PAD, _TOP = 38, 12, 8
_MAX_LINES = 6
_LINE = 17
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|h|d|kB|MB|GB)\b)")
_ROLES = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}


class NeedButton(QAbstractButton):
    """One need: shape, title, a few lines of detail, a bar where something moves."""

    def __init__(self, need: Need) -> None:
        super().__init__()
        self._need = need
        self.setAccessibleName(f"{need.title}. {need.detail}")
        self.setToolTip(need.detail)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(240))

    def heightForWidth(self, width: int) -> int:
        bar = 10 if self._need.fraction is not None else 0
        return _TOP + 18 + self._detail_rect(width).height() + bar + _TOP

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.isDown():
            painter.fillRect(self.rect(), theme.colour("selected" if self.isDown() else "hover"))
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
        whole = self.rect()
        StatusShape.paint(painter, QRectF(mirrored(painter, whole, QRect(13, _TOP + 1, 16, 16))), self._need.status)
        room = self.width() - _LEFT_PAD - _RIGHT_PAD
        painter.setFont(font(BASE, MEDIUM))
        painter.setPen(theme.colour(_ROLES.get(self._need.status, "text")))
        title = metrics(BASE, MEDIUM).elidedText(self._need.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(mirrored(painter, whole, QRect(_LEFT_PAD, _TOP, room, 18)), _LEFT, title)
        painter.setFont(font())
        painter.setPen(theme.colour("quiet"))
        box = self._detail_rect(self.width())
        for number, line in enumerate(self._lines(self.width())):
            place = QRect(box.left(), box.top() + number * _LINE, box.width(), _LINE)
            painter.drawText(mirrored(painter, whole, place), _LEFT, line)
        if self._need.fraction is not None:
            if painter.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                painter.translate(self.width(), 0)
                painter.scale(-1, 1)
            bar = QRectF(_LEFT_PAD, box.bottom() + 6, room, 4)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("band"))
            painter.drawRoundedRect(bar, 2, 2)
            bar.setWidth(max(4.0, bar.width() * self._need.fraction))
            painter.setBrush(theme.colour("accent"))
            painter.drawRoundedRect(bar, 2, 2)

    def _detail_rect(self, width: int) -> QRect:
        height = len(self._lines(width)) * _LINE
        return QRect(_LEFT_PAD, _TOP + 19, width - _LEFT_PAD - _RIGHT_PAD, height)

    def _lines(self, width: int) -> list[str]:
        return wrap(self._need.detail, width - _LEFT_PAD - _RIGHT_PAD, _MAX_LINES)


def wrap(text: str, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines of `width` pixels, broken between words; what is too long ends in …

    A number and its unit stay together.
    """
    measure, lines, words = metrics(BASE), [""], _BEFORE_UNIT.sub("\u00a0", text).split(" ")
    for number, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if measure.horizontalAdvance(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {' '.join(words[number:])}"
            break
    return [measure.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in lines if line]


class _Section(QWidget):
    def __init__(self, title: str, nothing: str, run: Callable[[Need], object]) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self._run = run
        self._shown: list[Need] | None = None
        heading = label(title, SMALL, "quiet", MEDIUM)
        heading.setContentsMargins(13, 10, 8, 4)
        self._nothing = label(nothing, BASE, "quiet", wrap=True)
        self._nothing.setContentsMargins(13, 2, 12, 8)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.setLayout(column(heading, self._nothing, self._rows))

    def show_needs(self, needs: Sequence[Need]) -> None:
        if list(needs) == self._shown:
            return
        self._shown = list(needs)
        self._nothing.setVisible(not needs)
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for need in needs:
            made = NeedButton(need)
            made.clicked.connect(lambda _checked=False, need=need: self._run(need))
            self._rows.addWidget(made)


class NeedPanel(QFrame):
    """Two lists; a line leads to its device, rollout or filter."""

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("panel", "true")
        self.setAccessibleName("What needs a person, and what is in progress")
        self._needs = _Section("Needs a person", "Nothing. All is as it should be.", self.picked.emit)
        self._progress = _Section("In progress", "No rollout is under way.", self.picked.emit)
        content = QWidget()
        content.setProperty("ground", "panel")
        content.setLayout(column(self._needs, 8, self._progress, None, margins=(0, 0, 0, 8)))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        self.setLayout(column(scroll, margins=(1, 1, 1, 1)))

    def show_needs(self, needs: Sequence[Need], progress: Sequence[Need]) -> None:
        """Take over both lists."""
        self._needs.show_needs(needs)
        self._progress.show_needs(progress)
