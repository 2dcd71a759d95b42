"""The list on the left: every rollout with its state, where it stands wave by wave, when and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from edgeyard.desktop.look import theme
from edgeyard.desktop.rollouts_page.rollout_words import ROLLOUT_STATE
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.row_list import Index, RowPainter, paint_head
from edgeyard.domain.execution import BAD_ENDS, LIVE_STATES, ExecutionState
from edgeyard.domain.rollout import RolloutState
from edgeyard.store.rollout import RolloutSummary

SUMMARY_ROLE = int(Qt.ItemDataRole.UserRole)


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


def row_sentence(summary: RolloutSummary, now: float) -> str:
    """The whole row for a screen reader."""
    rollout = summary.rollout
    state, _ = ROLLOUT_STATE[rollout.state]
    return (
        f"Rollout {rollout.id}: {rollout.model} {rollout.version} to {rollout.group}, {state}, "
        f"{summary.total(ExecutionState.SUCCEEDED)} of {words.count(summary.devices, 'device')} succeeded, "
        f"{words.ago(now - rollout.created_at)}"
    )


class RolloutRows(RowPainter):
    """Rows of a `RolloutListModel`: how far each wave is, below the words."""

    height = 68
    pad = 6

    def paint_row(self, painter: QPainter, area: QRect, index: Index) -> None:
        summary, model = index.data(SUMMARY_ROLE), index.model()
        if not isinstance(summary, RolloutSummary) or not isinstance(model, RolloutListModel):
            return
        rollout = summary.rollout
        word, status = ROLLOUT_STATE[rollout.state]
        devices, age = words.count(summary.devices, "device"), words.ago(model.now - rollout.created_at)
        by = rollout.created_by.removeprefix("operator.")
        facts = " · ".join(part for part in (rollout.group, devices, age, by) if part)
        line = paint_head(painter, area, status, f"{rollout.model} {rollout.version}", word, facts, step=20)
        if painter.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(2 * line.left() + line.width(), 0)
            painter.scale(-1, 1)
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
