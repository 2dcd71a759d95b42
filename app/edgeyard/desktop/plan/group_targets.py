"""Groups as places to drop a version on, each saying whether it can take it; shown while a version is in the air."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QScrollArea, QWidget

from edgeyard.desktop.drag import DropPlace, read_version
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import caption, column, panel
from edgeyard.store.group import Group

WIDTH = 320
_PAD = 12
_LINE = 16
_HEAD = 34
_GAP = 8
_MOST_LINES = 4


class GroupTargets(QWidget):
    """All groups, one under the other, over the right side of a page."""

    def __init__(self, place: DropPlace, parent: QWidget) -> None:
        super().__init__(parent)
        self._place = place
        self._list = TargetList(place)
        scroll = QScrollArea()
        scroll.setWidget(self._list)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        # setWidget makes it paint the window's ground; the panel's shall shine through.
        self._list.setAutoFillBackground(False)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        frame = panel(column(caption("Drop it on a group to see the plan"), 8, scroll, margins=(12, 12, 4, 8)))
        self.setLayout(column(frame))
        self.setFixedWidth(WIDTH)
        self.hide()
        place.answers_changed.connect(self._on_answers_changed)

    def show_groups(self, groups: Sequence[tuple[Group, int]]) -> None:
        """The groups there are, with how many devices each has."""
        self._list.show_groups(groups)

    def target(self, group_id: int) -> QRect:
        """Where a group is, in this widget's coordinates; empty when it is not there."""
        rect = self._list.rect_of(group_id)
        return QRect(self._list.mapTo(self, rect.topLeft()), rect.size()) if not rect.isEmpty() else rect

    def _on_answers_changed(self) -> None:
        self._list.arrange()
        self.setVisible(self._place.version is not None)
        self.raise_()


class TargetList(QWidget):
    """Paints the groups and takes the drop."""

    def __init__(self, place: DropPlace) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setAccessibleName("Groups to drop a version on")
        self._place = place
        self._groups: list[tuple[Group, int]] = []
        self._rects: list[QRect] = []
        self._hovered = -1

    def show_groups(self, groups: Sequence[tuple[Group, int]]) -> None:
        """Take over the groups; never while a version is in the air, so that no row moves under the pointer."""
        if self._place.version is None:
            self._groups = list(groups)
            self.arrange()

    def rect_of(self, group_id: int) -> QRect:
        """Where a group is painted; empty when it is not there."""
        found = [rect for (group, _), rect in zip(self._groups, self._rects, strict=True) if group.id == group_id]
        return found[0] if found else QRect()

    def arrange(self) -> None:
        """Give every group as much room as its words need."""
        self._rects, top = [], 0
        width = max(self.width(), WIDTH - 24)
        for group, _ in self._groups:
            height = _HEAD + _words_height(self._place.answer(group.id).words, width)
            self._rects.append(QRect(0, top, width, height))
            top += height + _GAP
        self.setMinimumHeight(top)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH - 24, self.minimumHeight())

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, ((group, devices), rect) in enumerate(zip(self._groups, self._rects, strict=True)):
            self._paint_group(painter, group, devices, rect, hovered=row == self._hovered)
        painter.end()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        version = read_version(event.mimeData())
        if version is not None:
            self._place.begin(version)
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._hover(next((i for i, r in enumerate(self._rects) if r.contains(event.position().toPoint())), -1))
        if self._hovered >= 0 and self._place.answer(self._groups[self._hovered][0].id).accepts:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        del event
        self._hover(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        version = read_version(event.mimeData())
        if version is None or self._hovered < 0:
            return
        group = self._groups[self._hovered][0]
        self._hover(-1)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        # The drag's own loop ends first; the plan opens in the window's.
        QTimer.singleShot(0, lambda: self._place.drop(version, group.id))

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self.update()

    def _paint_group(self, painter: QPainter, group: Group, devices: int, rect: QRect, *, hovered: bool) -> None:
        answer = self._place.answer(group.id)
        taken = hovered and answer.accepts
        box = QRectF(rect).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(theme.colour("accent" if taken else "line"), 2 if taken else 1))
        painter.setBrush(theme.colour("selected" if taken else "panel" if answer.accepts else "window"))
        painter.drawRoundedRect(box, 4, 4)
        line = QRect(rect.left() + _PAD, rect.top() + 6, rect.width() - 2 * _PAD, 20)
        painter.setFont(font(BASE, MEDIUM))
        painter.setPen(theme.colour("text" if answer.accepts else "quiet"))
        shown = metrics(BASE, MEDIUM).elidedText(group.name, Qt.TextElideMode.ElideRight, line.width() - 96)
        painter.drawText(line, _START, shown)
        painter.setFont(font(SMALL))
        painter.setPen(theme.colour("quiet"))
        kind = "production · " if group.production else ""
        painter.drawText(line, _END, f"{kind}{words.count(devices, 'device')}")
        painter.setPen(theme.colour("text" if answer.accepts else "quiet"))
        below = QRect(line.left(), rect.top() + 27, line.width(), rect.height() - 31)
        painter.drawText(below, _WRAPPED, answer.words)


_START = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
_END = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
_WRAPPED = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)


def _words_height(text: str, width: int) -> int:
    room = QRect(0, 0, width - 2 * _PAD, 1000)
    needed = metrics(SMALL).boundingRect(room, _WRAPPED, text).height()
    return min(max(needed, _LINE), _MOST_LINES * _LINE)
