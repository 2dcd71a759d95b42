"""The list on the left: every rollout with its state, where it stands wave by wave, when and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL, font, metrics
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.rollouts_page.rollout_words import ROLLOUT_STATE
from edgeyard.desktop.widget import words
from edgeyard.domain.device import DeviceStatus
from edgeyard.domain.execution import BAD_ENDS, LIVE_STATES, ExecutionState
from edgeyard.domain.rollout import RolloutState
from edgeyard.store.rollout import RolloutSummary

Index = QModelIndex | QPersistentModelIndex
SUMMARY_ROLE = int(Qt.ItemDataRole.UserRole)
_ROW = 68
_PAD = 12


class RolloutListModel(QAbstractListModel):
    """Rollouts, the newest first; rows keep their place while only figures change."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rollouts: list[RolloutSummary] = []
        self.now = 0.0

    def show_rollouts(self, rollouts: Sequence[RolloutSummary], now: float) -> None:
        """Take over a reading."""
        self.now = now
        old, new = [r.rollout.id for r in self._rollouts], [r.rollout.id for r in rollouts]
        added = len(new) - len(old)
        if new[added:] == old and added >= 0:
            if added:
                self.beginInsertRows(QModelIndex(), 0, added - 1)
            self._rollouts = list(rollouts)
            if added:
                self.endInsertRows()
            if new:
                self.dataChanged.emit(self.index(0), self.index(len(new) - 1))
        else:
            self.beginResetModel()
            self._rollouts = list(rollouts)
            self.endResetModel()

    def row_of(self, rollout_id: int) -> int:
        """The row of a rollout, or -1."""
        return next((row for row, found in enumerate(self._rollouts) if found.rollout.id == rollout_id), -1)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rollouts)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        found = self._rollouts[index.row()]
        if role == SUMMARY_ROLE:
            return found
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row_sentence(found, self.now)
        return None


class RolloutList(QListView):
    """Shows a `RolloutListModel`."""

    def __init__(self, model: RolloutListModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName("Rollouts")
        self.setUniformItemSizes(True)
        self.setItemDelegate(_RowPainter(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)


def row_sentence(summary: RolloutSummary, now: float) -> str:
    """The whole row for a screen reader."""
    rollout = summary.rollout
    state, _ = ROLLOUT_STATE[rollout.state]
    return (
        f"Rollout {rollout.id}: {rollout.model} {rollout.version} to {rollout.group}, {state}, "
        f"{summary.total(ExecutionState.SUCCEEDED)} of {words.count(summary.devices, 'device')} succeeded, "
        f"{words.ago(now - rollout.created_at)}"
    )


class _RowPainter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(220, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        bare.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, bare, painter, bare.widget)
        summary = index.data(SUMMARY_ROLE)
        model = index.model()
        if not isinstance(summary, RolloutSummary) or not isinstance(model, RolloutListModel):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(bare.direction)
        _paint_row(painter, bare.rect.adjusted(_PAD, 6, -_PAD, -6), summary, model.now)
        if bare.state & QStyle.StateFlag.State_HasFocus:
            painter.fillRect(QRect(bare.rect.left(), bare.rect.top() + 2, 2, _ROW - 4), theme.colour("accent"))
        painter.restore()


def _paint_row(painter: QPainter, area: QRect, summary: RolloutSummary, now: float) -> None:
    rollout = summary.rollout
    word, status = ROLLOUT_STATE[rollout.state]
    StatusShape.paint(painter, QRectF(area.left(), area.top() + 2, 16, 16), status)
    line = QRect(area.left() + 22, area.top(), area.width() - 22, 20)
    state_width = metrics(SMALL).horizontalAdvance(word) + 2
    painter.setFont(font(BASE, MEDIUM))
    painter.setPen(theme.colour("text"))
    title = f"{rollout.model} {rollout.version}"
    painter.drawText(line, _START, metrics(BASE, MEDIUM).elidedText(title, _ELIDE, line.width() - state_width - 8))
    painter.setFont(font(SMALL))
    # An ended rollout is history: only what needs somebody now is written in its colour.
    painter.setPen(theme.colour("attention" if status is DeviceStatus.ATTENTION else "quiet"))
    painter.drawText(line, _END, word)
    painter.setPen(theme.colour("quiet"))
    by = rollout.created_by.removeprefix("operator.")
    facts = f"{rollout.group} · {words.count(summary.devices, 'device')} · {words.ago(now - rollout.created_at)}"
    facts = f"{facts} · {by}" if by else facts
    below = line.translated(0, 20)
    painter.drawText(below, _START, metrics(SMALL).elidedText(facts, _ELIDE, below.width()))
    _paint_progress(painter, QRectF(line.left(), area.top() + 44, line.width(), 6), summary)


def _paint_progress(painter: QPainter, area: QRectF, summary: RolloutSummary) -> None:
    """One segment a wave, as long as it has devices; in it what succeeded, what is in work, what ended badly."""
    palette = theme.current()
    waves = summary.rollout.waves
    total = max(1, sum(wave.devices for wave in waves))
    gap = 2.0
    room = area.width() - gap * max(0, len(waves) - 1)
    left = area.left()
    painter.setPen(Qt.PenStyle.NoPen)
    faded = summary.rollout.state in (RolloutState.UNDONE, RolloutState.CANCELLED)
    for wave, counts in zip(waves, summary.counts, strict=True):
        width = max(2.0, room * wave.devices / total)
        painter.fillRect(QRectF(left, area.top(), width, area.height()), QColor(palette.band))
        x = left
        parts = (
            (counts.get(ExecutionState.SUCCEEDED, 0), palette.line if faded else palette.healthy),
            (sum(counts.get(state, 0) for state in LIVE_STATES[1:]), palette.accent),
            (sum(counts.get(state, 0) for state in BAD_ENDS), palette.alarm),
        )
        for count, colour in parts:
            share = width * count / max(1, wave.devices)
            painter.fillRect(QRectF(x, area.top(), share, area.height()), QColor(colour))
            x += share
        left += width + gap


_START = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
_END = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
_ELIDE = Qt.TextElideMode.ElideRight
