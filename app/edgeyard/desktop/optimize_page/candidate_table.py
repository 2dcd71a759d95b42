"""Every candidate as a row: what it costs, what it is worth, for which hardware it is picked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from edgeyard.desktop.look.font import BASE, MEDIUM, font
from edgeyard.desktop.optimize_page.candidate_words import (
    accuracy_words,
    difference_words,
    memory_words,
    picked_words,
    speed_words,
)
from edgeyard.desktop.optimize_page.study_state import StudyState
from edgeyard.desktop.widget import words
from edgeyard.optimize.engine.result import Candidate

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Variant", "Picked for", "Size", "Accuracy", "Against original", "Speed", "Memory")
NAME, PICKED, SIZE, ACCURACY, DIFFERENCE, SPEED, MEMORY = range(len(COLUMNS))
_TIPS = {
    ACCURACY: "Share of the labelled evaluation samples that are right, with a 95 % interval",
    DIFFERENCE: "In points, judged sample by sample against the original, with a 95 % interval",
    SPEED: "Latency of one sample beside the original in the same run, on the machine that is named in the details",
    MEMORY: "Peak above the empty process",
}
_LEADING = int(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
_TRAILING = int(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)

_KEYS: tuple[Callable[[Candidate, StudyState], Any], ...] = (
    lambda c, _: c.name,
    lambda c, s: (not s.profiles_of(c.name), c.name),
    lambda c, _: c.size_bytes,
    lambda c, _: -(c.evidence.accuracy if c.evidence.accuracy is not None else c.evidence.agreement or 0.0),
    lambda c, _: -(c.evidence.difference or 0.0),
    lambda c, _: -(c.evidence.latency_ratio or 0.0),
    lambda c, _: c.evidence.memory_bytes or 0,
)


class CandidateTableModel(QAbstractTableModel):
    """Rows change places only when the person sorts, or a candidate comes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = StudyState()
        self._names: list[str] = []
        self._column, self._descending = PICKED, False

    def show_state(self, state: StudyState) -> None:
        """Take over what is known now."""
        before, self._state = self._state, state
        if (state.candidates, state.picked) == (before.candidates, before.picked):
            return
        if set(state.candidates) == set(self._names):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, len(COLUMNS) - 1))
            return
        self._rearrange()

    def name_at(self, row: int) -> str:
        """The candidate of a row, or nothing."""
        return self._names[row] if 0 <= row < len(self._names) else ""

    def row_of(self, name: str) -> int:
        """The row of a candidate, or -1."""
        return self._names.index(name) if name in self._names else -1

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._rearrange()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TIPS.get(section)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _LEADING if section in (NAME, PICKED) else _TRAILING
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        candidate = self._state.candidates.get(self.name_at(index.row())) if index.isValid() else None
        if candidate is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(candidate, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _LEADING if index.column() in (NAME, PICKED) else _TRAILING
        if role == Qt.ItemDataRole.ToolTipRole:
            return candidate.title if index.column() == NAME else _TIPS.get(index.column())
        if role == Qt.ItemDataRole.FontRole and self._state.profiles_of(candidate.name):
            return font(BASE, MEDIUM)
        return None

    def _text(self, candidate: Candidate, column: int) -> str:
        evidence = candidate.evidence
        return (
            candidate.name,
            picked_words(self._state.profiles_of(candidate.name)),
            words.size(candidate.size_bytes),
            accuracy_words(evidence),
            difference_words(evidence),
            speed_words(evidence),
            memory_words(evidence),
        )[column]

    def _rearrange(self) -> None:
        self.beginResetModel()
        key = _KEYS[self._column]
        kept = sorted(self._state.candidates.values(), key=lambda candidate: candidate.name)
        kept.sort(key=lambda candidate: key(candidate, self._state), reverse=self._descending)
        self._names = [candidate.name for candidate in kept]
        self.endResetModel()
